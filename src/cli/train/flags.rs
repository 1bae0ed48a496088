//! The flags of `synod train`: those of the table of parameters, and a few of the command's own.

use crate::domain::parameter::{Domain, Parameter, Value};
use crate::job::finetune::parameters::parameters;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The parameter that stands without a flag.
const DATA: &str = "data";
/// What a flag without a value means.
const ON: &str = "yes";

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainArgs {
    /// By the keys of the table; what was not given is not there.
    pub values: BTreeMap<String, Value>,
    /// Show what would be learned, and learn nothing.
    pub preview: bool,
    /// Say what it would cost, and learn nothing.
    pub dry_run: bool,
    /// Examples that the preview shows.
    pub show: usize,
    pub export_ids: Option<PathBuf>,
    /// A preset's name or a spec file that the flags change.
    pub spec: Option<String>,
    /// The run's name in lists.
    pub title: Option<String>,
    pub detach: bool,
    pub json: bool,
}

impl TrainArgs {
    /// Whether something is to be learned, not only looked at.
    #[must_use]
    pub fn learns(&self) -> bool {
        !self.preview && !self.dry_run && self.export_ids.is_none()
    }
}

impl Args for TrainArgs {
    fn augment_args(command: Command) -> Command {
        let own = [
            Arg::new("preview")
                .long("preview")
                .action(ArgAction::SetTrue)
                .help("Show templates, learned tokens, lengths and what is left out, and learn nothing"),
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Compute one batch, say what the whole would cost, and learn nothing"),
            Arg::new("show")
                .long("show")
                .value_name("N")
                .value_parser(value_parser!(usize))
                .default_value("3")
                .help("Examples that the preview shows"),
            Arg::new("export-ids")
                .long("export-ids")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help(
                    "Write the training part as JSON lines with ids and labels (-100: no loss), and learn nothing",
                ),
            Arg::new("spec")
                .long("spec")
                .value_name("PRESET|FILE")
                .help("Begin with a job preset or a spec file; other flags change it"),
            Arg::new("title")
                .long("title")
                .value_name("TEXT")
                .help("A name for lists"),
            Arg::new("detach")
                .long("detach")
                .action(ArgAction::SetTrue)
                .help("Do not follow the run: print its id and leave it running"),
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print JSON: the preview, the run with --detach, otherwise its events"),
        ];
        let table = parameters().into_iter().map(flag);
        command.args(own).args(table).after_help(
            "Exit codes: 0 done, 1 failed, 2 bad arguments, 3 bad data or model, 4 out of a resource, 130 interrupted.",
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TrainArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut args = TrainArgs::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for parameter in parameters() {
            let Some(typed) = matches.get_one::<String>(&parameter.key) else {
                continue;
            };
            let value = parameter
                .read(typed)
                .map_err(|text| Error::raw(ErrorKind::ValueValidation, format!("{text}\n")))?;
            self.values.insert(parameter.key, value);
        }
        self.preview = matches.get_flag("preview");
        self.dry_run = matches.get_flag("dry-run");
        self.show = matches.get_one("show").copied().unwrap_or_default();
        self.export_ids = matches.get_one("export-ids").cloned();
        self.spec = matches.get_one("spec").cloned();
        self.title = matches.get_one("title").cloned();
        self.detach = matches.get_flag("detach");
        self.json = matches.get_flag("json");
        Ok(())
    }
}

/// A parameter as a flag.
fn flag(parameter: Parameter) -> Arg {
    let mut help = parameter.help.trim_end_matches('.').to_owned();
    let default = parameter.default.as_ref().map(Value::to_string);
    if let Some(default) = default.filter(|text| !text.is_empty() && text != "false") {
        help.push_str(&format!(" [default: {default}]"));
    }
    if let Domain::Choice { options } = &parameter.domain {
        help.push_str(&format!(" [{}]", options.join(", ")));
    }
    let arg = Arg::new(parameter.key.clone())
        .help(help)
        .value_name(value_name(&parameter.domain));
    if parameter.key == DATA {
        return arg;
    }
    let arg = arg
        .long(parameter.key.replace('_', "-"))
        .help_heading(heading(&parameter.group));
    match parameter.domain {
        Domain::Flag => arg.num_args(0..=1).default_missing_value(ON),
        _ => arg.allow_hyphen_values(true),
    }
}

fn heading(group: &str) -> String {
    let mut letters = group.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn value_name(domain: &Domain) -> &'static str {
    match domain {
        Domain::Text => "TEXT",
        Domain::Path | Domain::NewPath => "PATH",
        Domain::Model => "MODEL",
        Domain::Flag => "YES|NO",
        Domain::Whole { .. } => "N",
        Domain::Real { .. } => "X",
        Domain::Choice { .. } => "WORD",
        Domain::Words => "WORD,…",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<TrainArgs, Error> {
        let command = TrainArgs::augment_args(Command::new("train"));
        let words = std::iter::once("train").chain(line.split_whitespace());
        TrainArgs::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    #[test]
    fn the_table_makes_the_flags() {
        let args = parse(
            "d.jsonl --lora-rank 8 --learning-rate 1e-4 --merged --target-modules q_proj,v_proj --preview",
        );
        let args = args.unwrap();
        assert!(args.preview && args.show == 3);
        let value = |key: &str| args.values.get(key).cloned();
        assert_eq!(value("data"), Some(Value::Text("d.jsonl".into())));
        assert_eq!(value("lora_rank"), Some(Value::Whole(8)));
        assert_eq!(value("learning_rate"), Some(Value::Real(1e-4)));
        assert_eq!(value("merged"), Some(Value::Flag(true)));
        assert_eq!(value("epochs"), None);
        let error = parse("d.jsonl --lora-rank 0").unwrap_err().to_string();
        assert!(error.contains("lora_rank: \"0\" does not do"), "{error}");
    }
}
