//! Swathe's engine: pipeline to plan to run, within a memory budget.
