"""Asks a running `synod serve` through the official openai client: openai_client.py BASE_URL MODEL [COUNCIL].

Fails loudly when a reply is not what the client expects of OpenAI's API.
"""
import json
import sys

import openai


def main():
    base, model, *councils = sys.argv[1:]
    client = openai.OpenAI(base_url=base, api_key="none", max_retries=0)
    names = [entry.id for entry in client.models.list()]
    assert model in names, names
    question = [{"role": "user", "content": "How many days does a week have?"}]
    same = {"model": model, "messages": question, "max_tokens": 24, "seed": 7, "temperature": 0.8}

    whole = client.chat.completions.create(**same, logprobs=True, top_logprobs=3)
    choice = whole.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    assert len(choice.logprobs.content) == whole.usage.completion_tokens
    assert all(len(token.top_logprobs) == 3 and token.logprob <= 0 for token in choice.logprobs.content)

    stream = client.chat.completions.create(**same, stream=True, stream_options={"include_usage": True})
    text, usage = "", None
    for chunk in stream:
        usage = chunk.usage or usage
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
    assert text == choice.message.content, (text, choice.message.content)
    assert usage.completion_tokens == whole.usage.completion_tokens

    schema = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"], "additionalProperties": False}
    shaped = client.chat.completions.create(
        model=model, messages=question, max_tokens=60, temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}})
    assert isinstance(json.loads(shaped.choices[0].message.content)["days"], int)

    for council in councils:
        answer = client.chat.completions.create(model=council, messages=question, max_tokens=16, seed=1)
        assert answer.choices[0].message.content, answer

    for wrong, status in (({"model": "no such model"}, 404), ({"n": 2}, 400), ({"temperature": 9}, 400)):
        try:
            client.chat.completions.create(**(same | wrong))
        except openai.APIStatusError as error:
            assert error.status_code == status, error
        else:
            raise AssertionError(f"{wrong} was accepted")
    print(f"openai {openai.__version__}: models, whole, streamed and shaped answers, log-probabilities, councils and errors are as expected")


if __name__ == "__main__":
    main()
