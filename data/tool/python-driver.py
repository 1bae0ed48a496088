# Runs the program on standard input; the value of a last expression is printed, as a prompt would.
import ast
import sys
import traceback

try:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
except Exception:
    pass

source = sys.stdin.read()
space = {"__name__": "__main__"}
try:
    tree = ast.parse(source)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "program", "exec"), space)
    if last is not None:
        value = eval(compile(last, "program", "eval"), space)
        if value is not None:
            print(repr(value))
except SystemExit:
    raise
except BaseException:
    kind, error, trace = sys.exc_info()
    # Without the frame of this file.
    traceback.print_exception(kind, error, trace.tb_next if trace else None)
    sys.exit(1)
