//! Forecasts of series, from a table to a model, a backtest and the future.
//!
//! ```text
//! series + Request -> prepare: parts, period, context -> Job::train: checkpoints, metrics
//!     -> Job::finish: best weights, backtest beside the baselines, forecast, plots, report.html
//! ```
//! Columns are independent series that share one model. Every column is standardised by its training
//! part; windows for training are drawn by the number of the step.
//!
//! | part | share | what for |
//! |---|---|---|
//! | training | the rest, about 70 % | windows that the model is fitted on |
//! | validation | 10 %, at least one horizon | which checkpoint is kept, which ridge NLinear gets |
//! | test | 20 %, at least one horizon | the backtest; every forecaster on the same windows |
//!
//! The loss of SpaceTime is that of arXiv 2303.09489: root-mean-square errors of the closed loop against
//! the future, of the open loop against the next values, and of the predicted against the true inputs of
//! the decoder, with equal weights. Other mixers have the mean squared error of the horizon.
//!
//! The forecast behind the end comes from the same model; it has not been fitted again on the test part.

mod backtest;
mod experiment;
mod files;
mod job;
mod page;
mod period;
mod prepared;
mod request;
mod times;

pub use backtest::{Row, Scored, Test};
pub use experiment::ForecastExperiment;
pub use files::Future;
pub use job::{Job, Summary, forecast_again};
pub use period::detect_period;
pub use prepared::{Prepared, prepare, prepare_for};
pub use request::{Request, recipe_for};
pub use times::Clock;
