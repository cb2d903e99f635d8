//! Compressed files and entries, unpacked within a limit: what a small file holds may be a thousand times its size.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};

/// Bytes that a compressed array may have unpacked, where nobody sets another limit: 1 GiB.
pub const UNPACKED_LIMIT: u64 = 1 << 30;

/// The bytes of a gzip file (RFC 1952), its checksums compared.
///
/// # Errors
/// Says what is wrong with it, or that it holds more than `limit` bytes.
pub(super) fn gunzip(bytes: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    unpack(MultiGzDecoder::new(bytes), limit)
}

/// The `len` bytes of a raw deflate stream (RFC 1951) with the CRC-32 `checksum`.
///
/// # Errors
/// Says what is wrong with it, or that it holds more than `limit` bytes.
pub(super) fn inflate(bytes: &[u8], len: u64, checksum: u32, limit: u64) -> Result<Vec<u8>, String> {
    // What the archive says of itself may be wrong: reading ends one byte after it.
    let unpacked = unpack(DeflateDecoder::new(bytes), limit.min(len))
        .map_err(|error| if len < limit { error.replace("the limit", "the length that its archive states") } else { error })?;
    if unpacked.len() as u64 != len {
        return Err(format!("expected {len} bytes unpacked, found {}", unpacked.len()));
    }
    let mut found = flate2::Crc::new();
    found.update(&unpacked);
    if found.sum() != checksum {
        return Err(format!("expected bytes with checksum {checksum:08x}, found {:08x}: the file is damaged", found.sum()));
    }
    Ok(unpacked)
}

fn unpack(reader: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut unpacked).map_err(|error| format!("cannot be unpacked: {error}"))?;
    if unpacked.len() as u64 > limit {
        return Err(format!("unpacks to more than {limit} bytes, the limit: unpack it first, or raise the limit"));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let bomb = gzip(&vec![0; 20 << 20]);
        assert!(bomb.len() < 32 << 10);
        assert!(gunzip(&bomb, 1 << 20).unwrap_err().contains("more than 1048576 bytes, the limit"));
        assert_eq!(gunzip(&bomb, 20 << 20).unwrap().len(), 20 << 20);
    }

    #[test]
    fn damage_is_found() {
        let good = gzip(b"one two three, one two three");
        assert_eq!(gunzip(&good, 100).unwrap(), b"one two three, one two three");
        for at in 10..good.len() - 4 {
            let mut bad = good.clone();
            // Whole bytes: the last one ends in bits that mean nothing.
            bad[at] ^= 0xff;
            assert!(gunzip(&bad, 100).is_err(), "byte {at}");
        }
        assert!(gunzip(&good[..good.len() - 1], 100).is_err());
        assert!(gunzip(&[0x1f, 0x8b], 100).is_err());
    }
}
