//! All members of a process, step by step.
