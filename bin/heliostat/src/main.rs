//! The command line of heliostat: read what is asked for, do it, exit with the code that scripts know.

#![forbid(unsafe_code)]

mod admin;
mod catch_up;
mod check;
mod cli;
mod console;
mod consume;
mod demo;
mod discover;
mod environment;
mod halts;
mod logging;
mod mirror_maker;
mod mirror_maker_flags;
mod names;
mod output;
mod outside;
mod plan;
mod preflight;
mod process;
mod produce;
mod report;
mod resume;
mod run;
mod skip;
mod status;
mod supervise;
mod topics;
mod voice;

use std::process::ExitCode;

use cli::Invocation;

fn main() -> ExitCode {
    match cli::read(std::env::args_os().collect()) {
        Ok(Invocation::MirrorMaker(arguments)) => mirror_maker::run(&arguments),
        Ok(Invocation::Run(asked)) => run::run(&asked),
        Ok(Invocation::Check(question)) => check::run(&question),
        Ok(Invocation::Plan(question)) => plan::run(&question),
        Ok(Invocation::Status(asked)) => status::run(&asked),
        Ok(Invocation::Halts(place)) => halts::run(&place),
        Ok(Invocation::Resume(asked)) => resume::run(&asked),
        Ok(Invocation::Skip(asked)) => skip::run(&asked),
        Ok(Invocation::Demo(asked)) => demo::run(&asked),
        Ok(Invocation::Discover(asked)) => discover::run(&asked),
        Ok(Invocation::Topics(arguments)) => topics::run(&arguments),
        Ok(Invocation::Produce(arguments)) => produce::run(&arguments),
        Ok(Invocation::Consume(arguments)) => consume::run(&arguments),
        Ok(Invocation::Completions(shell)) => cli::completions(shell),
        Err(answer) => report::command_line(&answer),
    }
}
