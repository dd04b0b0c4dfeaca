mod hostile;
mod machine;
mod month;
mod properties;
