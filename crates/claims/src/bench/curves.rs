//! The curves behind the plots of time and memory: every length, both passes, ours beside the others.

use super::course::Course;
use super::gpu_peers::GpuPeer;
use super::inputs::{device_of, pass_name};
use super::lengths::{Least, Path, SETS, SUBJECTS, Scale, Subject, Work, median};
use super::machine::Limits;
use super::memory::{mib, peak_mib};
use super::{Curve, Options, Row};
use crate::error::ClaimError;

/// The curves of every operation.
pub(super) fn run(
    options: &Options,
    limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let all: Vec<&Subject> = SUBJECTS.iter().collect();
    curves(&all, options, limits, course)
}

/// The curves of some operations.
pub(super) fn curves(
    subjects: &[&Subject],
    options: &Options,
    limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let sweeps = subjects.iter();
    let sweeps = sweeps.map(|subject| Sweep::new(subject, options, limits));
    let mut sweeps: Vec<Sweep<'_>> = sweeps.collect();
    // A plan of their own: a peer takes minutes, which says nothing of the steps behind.
    let peers = sweeps.iter().map(|sweep| sweep.peer_names().len()).sum();
    if peers > 0 {
        course.plan(peers);
        for sweep in &mut sweeps {
            sweep.time_peers(course)?;
        }
    }
    course.plan(sweeps.iter().map(Sweep::steps).sum());
    let mut rows = Vec::new();
    for sweep in sweeps {
        rows.extend(sweep.run(course)?);
    }
    Ok(rows)
}

/// One operation over all lengths.
struct Sweep<'a> {
    subject: &'a Subject,
    scale: Scale,
    /// The sizes in words.
    sizes: String,
    peers: Vec<GpuPeer>,
    options: &'a Options,
    limits: &'a Limits,
}

/// A length, and whether with the backward pass.
#[derive(Clone, Copy)]
struct Place {
    length: usize,
    backward: bool,
}

impl<'a> Sweep<'a> {
    fn new(subject: &'a Subject, options: &'a Options, limits: &'a Limits) -> Self {
        let scale = Scale::of(&options.device);
        Self {
            subject,
            scale,
            sizes: (subject.inputs)(scale, 1, &options.device).sizes(),
            peers: Vec::new(),
            options,
            limits,
        }
    }

    fn lengths(&self) -> &'static [usize] {
        match (self.options.quick, self.scale) {
            (true, _) => &[128, 256],
            (false, Scale::Cpu) => &[256, 1024, 4096, 16_384],
            (false, Scale::Gpu) => &[1024, 2048, 4096, 8192, 16_384],
        }
    }

    fn peer_names(&self) -> &'static [&'static str] {
        match self.scale {
            Scale::Cpu => &[],
            Scale::Gpu => self.subject.gpu_peers,
        }
    }

    fn time_peers(&mut self, course: &mut Course<'_>) -> Result<(), ClaimError> {
        let (subject, oracles) = (self.subject, &self.options.oracles);
        for &name in self.peer_names() {
            course.begin(&format!(
                "{}, {name}: compiles and tunes for minutes",
                subject.name
            ))?;
            let peer = GpuPeer::timed(name, subject, self.lengths(), oracles);
            self.peers.push(peer);
        }
        Ok(())
    }

    /// For every length and pass the fused operation, plain tensors, memory.
    fn steps(&self) -> usize {
        6 * self.lengths().len()
    }

    fn run(&self, course: &mut Course<'_>) -> Result<Vec<Row>, ClaimError> {
        let mut rows = Vec::new();
        for &length in self.lengths() {
            for backward in [false, true] {
                let place = Place { length, backward };
                rows.extend(self.times(place, course)?);
                rows.extend(self.memory(place, course)?);
            }
        }
        Ok(rows)
    }

    fn begin(&self, course: &mut Course<'_>, at: Place, what: &str) -> Result<(), ClaimError> {
        let (name, pass) = (self.subject.name, pass_name(at.backward));
        course.begin(&format!("{name} {pass}, length {}, {what}", at.length))
    }

    /// A row of this operation, with its place on a plot.
    fn row(&self, at: Place, unit: &'static str, ours: f64, limit: f64) -> Row {
        let (name, pass) = (self.subject.name, pass_name(at.backward));
        let format = self.scale.format();
        let case = format!("{name} {pass}, L{} {}, {format}", at.length, self.sizes);
        let mut row = Row::new("lengths", case, unit, ours);
        row.limit = Some(limit);
        row.curve = Some(Curve {
            op: name,
            pass,
            unit,
            length: at.length,
        });
        row
    }

    /// The row once more beside every peer; why one has not run is said with the first row alone.
    fn beside_peers(&self, row: &Row, at: Place) -> Vec<Row> {
        let is_first = at.length == self.lengths()[0] && !at.backward && row.unit == "ms";
        let peers = self.peers.iter();
        let peers = peers.filter(|peer| peer.has_run() || is_first);
        let beside = peers.map(|peer| peer.beside(row, at.length, at.backward));
        beside.collect()
    }

    fn least(&self, at: Place) -> Least {
        (self.subject.least)(self.scale, at.length)
    }

    /// Ours beside plain tensors and beside every peer.
    fn times(&self, at: Place, course: &mut Course<'_>) -> Result<Vec<Row>, ClaimError> {
        let (subject, device) = (self.subject, &self.options.device);
        let Place { length, backward } = at;
        let samples = if self.options.quick { 2 } else { 9 };
        let place = device_of(device, backward);
        let one = || (subject.inputs)(self.scale, length, &place);
        let works: Vec<Box<dyn Work>> = (0..SETS).map(|_| one()).collect();
        self.begin(course, at, "ours")?;
        let ours = median(&works, Path::Fused, backward, device, samples)?;
        let least = self.limits.least_milliseconds(self.least(at), backward);
        let row = self.row(at, "ms", ours, least);
        self.begin(course, at, "plain tensors")?;
        let plain = match length <= subject.plain_to {
            true => {
                median(&works, Path::Plain, backward, device, 3).map_err(|error| error.to_string())
            }
            false => Err(format!("plain tensors: run to length {}", subject.plain_to)),
        };
        let mut rows = self.beside_peers(&row, at);
        rows.push(row.against_time("plain tensors", plain));
        Ok(rows)
    }

    /// The most bytes that ours has, and every peer.
    fn memory(&self, at: Place, course: &mut Course<'_>) -> Result<Vec<Row>, ClaimError> {
        self.begin(course, at, "memory")?;
        let ours = peak_mib(self.subject, at.length, at.backward, self.options)?;
        let least = mib(self.least(at).left(at.backward) as u64);
        let mut row = self.row(at, "MiB", ours, least);
        row.peer_name = "peak beyond the inputs; limit: what the pass leaves".into();
        let mut rows = self.beside_peers(&row, at);
        rows.push(row);
        Ok(rows)
    }
}
