//! What a pass needs of a device's memory.

use burn::tensor::Device;

/// Runs `pass` and says how many bytes beyond those already in use were alive at most, rounded up to the
/// device's alignment: PyTorch's `max_memory_allocated` less its `memory_allocated` before.
///
/// What burn's pools have reserved is more, and differs between runs: they cut tensors from large pages, and
/// what a page has left may be too short for the next tensor. So the pass allocates outside these pages, one
/// piece a tensor, used again for tensors of the same size alone. Where tensors of different sizes are alive
/// at different times, all of them count: the figure is at least the peak.
///
/// Nothing else may use the device meanwhile: all its streams are counted. None where a device does not tell, as
/// burn's CPU backend does not.
pub fn peak_beyond<T: Send>(device: &Device, pass: impl Fn() -> T + Send) -> (T, Option<u64>) {
    let reserved = || {
        device.sync().ok()?;
        let usage = device.memory_pool_usage()?;
        Some(usage.bytes_reserved)
    };
    // Pieces of an earlier pass would be used again and not counted.
    device.memory_cleanup();
    let before = reserved();
    let result = device.memory_persistent_allocations((), move |()| pass());
    let after = reserved();
    let beyond = after
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before));
    device.memory_cleanup();
    (result, beyond)
}
