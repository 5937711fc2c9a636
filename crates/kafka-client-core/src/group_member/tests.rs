//! One member, step by step.
