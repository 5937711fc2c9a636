//! MirrorMaker's flags as clap describes them: for help and completions of `mirror-maker`, and to be read by `check` and
//! `plan`.

use clap::{Arg, ArgAction};
use mirror_config::mirror_maker::Flag;

/// One flag. Of ours the spelling with dashes is shown beside the one with dots.
pub(crate) fn argument(flag: &Flag) -> Arg {
    let argument = Arg::new(flag.name)
        .long(flag.name)
        .help(flag.help)
        .visible_aliases(flag.dashed());
    let Some(value) = flag.argument else {
        return argument.action(ArgAction::SetTrue);
    };
    let argument = argument.value_name(value);
    let argument = if flag.values.is_empty() {
        argument
    } else {
        argument.value_parser(flag.values.to_vec())
    };
    match flag.alone {
        Some(alone) => argument.num_args(0..=1).default_missing_value(alone),
        None => argument,
    }
}
