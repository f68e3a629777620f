//! Models that are part of the binary.

use sha2::{Digest, Sha256};

use super::DetectorError;

/// `sha256sum` lines of the models.
static MANIFEST: &str = include_str!("../../../models/SHA256SUMS");

/// A model that is part of the binary.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedModel {
    /// Its file's name in the manifest.
    pub name: &'static str,
    /// The file's content, not yet checked.
    pub content: &'static [u8],
}

impl EmbeddedModel {
    /// The model's bytes.
    ///
    /// # Errors
    /// When their SHA-256 is not the one of the manifest.
    pub fn bytes(&self) -> Result<&'static [u8], DetectorError> {
        verify(self.name, self.content, MANIFEST)?;
        Ok(self.content)
    }

    /// Gives the model's pages back after it was read: they would count as memory of every worker,
    /// and are read from the binary again when they are needed.
    pub fn release(&self) {
        // SAFETY: sysconf has no preconditions.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let range = self.content.as_ptr_range();
        let start = range.start.addr().next_multiple_of(page);
        let end = range.end.addr() / page * page;
        if start < end {
            let first = range.start.wrapping_add(start - range.start.addr());
            // SAFETY: whole pages inside of the array, which is read-only and backed by the binary:
            // DONTNEED only drops them from memory. It is advice, so that failing does no harm.
            unsafe { libc::madvise(first.cast_mut().cast(), end - start, libc::MADV_DONTNEED) };
        }
    }
}

fn verify(name: &str, model: &[u8], manifest: &str) -> Result<(), DetectorError> {
    let expected = manifest
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .find(|(_, file)| file.trim_start_matches([' ', '*']) == name)
        .map(|(hash, _)| hash);
    let actual: String = Sha256::digest(model).iter().map(|byte| format!("{byte:02x}")).collect();
    match expected {
        Some(hash) if hash.eq_ignore_ascii_case(&actual) => Ok(()),
        Some(_) => Err(DetectorError::Model(format!(
            "the embedded model {name} does not have the SHA-256 of its manifest"
        ))),
        None => Err(DetectorError::Model(format!("the manifest does not name {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_model_is_refused() {
        let manifest = format!("{}  x.onnx\n", "0".repeat(64));
        assert!(verify("x.onnx", b"changed", &manifest).is_err());
        assert!(verify("y.onnx", b"changed", &manifest).is_err());
    }
}
