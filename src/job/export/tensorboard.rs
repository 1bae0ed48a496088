//! TensorBoard event files: TFRecords of `tensorflow.Event` messages with one scalar each.
//!
//! A record is its length (u64), the masked CRC-32C of those eight bytes, the data, and the masked CRC-32C of the data, all
//! little-endian (tensorflow/core/lib/io/record_writer.h). Of `Event` (event.proto) are written: `wall_time` = 1, `step` = 2,
//! `file_version` = 3, `summary` = 5; of `Summary.Value`: `tag` = 1, `simple_value` = 2.

use crate::domain::clock::Millis;
use crate::job::record::RunRecord;

/// What the first record of a file of this format says.
const VERSION: &str = "brain.Event:2";

/// The name that TensorBoard looks for.
#[must_use]
pub fn file_name(record: &RunRecord) -> String {
    let seconds = record.summary.created / 1000;
    format!("events.out.tfevents.{seconds}.synod")
}

/// The contents of the file. Steps are whole numbers there: x is rounded.
#[must_use]
pub fn events(record: &RunRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut version = wall_time(record.summary.created);
    text(&mut version, 3, VERSION);
    frame(&mut bytes, &version);
    for (series, points) in &record.curves {
        for point in points {
            frame(&mut bytes, &scalar(series, point.x, point.y, point.at));
        }
    }
    bytes
}

fn scalar(series: &str, x: f64, y: f64, at: Millis) -> Vec<u8> {
    let mut value = Vec::new();
    text(&mut value, 1, series);
    tag(&mut value, 2, FIXED_32);
    value.extend((y as f32).to_le_bytes());
    let mut summary = Vec::new();
    message(&mut summary, 1, &value);
    let mut event = wall_time(at);
    tag(&mut event, 2, VARINT);
    varint(&mut event, (x.round() as i64).cast_unsigned());
    message(&mut event, 5, &summary);
    event
}

fn wall_time(at: Millis) -> Vec<u8> {
    let mut event = Vec::new();
    tag(&mut event, 1, FIXED_64);
    event.extend((at as f64 / 1000.0).to_le_bytes());
    event
}

/// Wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

fn tag(bytes: &mut Vec<u8>, field: u64, wire: u64) {
    varint(bytes, field << 3 | wire);
}

fn text(bytes: &mut Vec<u8>, field: u64, text: &str) {
    message(bytes, field, text.as_bytes());
}

fn message(bytes: &mut Vec<u8>, field: u64, inner: &[u8]) {
    tag(bytes, field, DELIMITED);
    varint(bytes, inner.len() as u64);
    bytes.extend(inner);
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn frame(bytes: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(masked(&length).to_le_bytes());
    bytes.extend(data);
    bytes.extend(masked(data).to_le_bytes());
}

/// A checksum of checksums is weak, so they are stored turned and shifted.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), reflected, polynomial 0x1EDC6F41.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let is_odd = crc & 1;
            (crc >> 1) ^ (0x82f6_3b78 * is_odd)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&rising), 0x46dd_794e);
    }

    #[test]
    fn a_scalar_is_the_message_of_event_proto() {
        let event = scalar("loss", 300.0, 0.5, 2000);
        let expected = [
            &[0x09][..],
            &2.0_f64.to_le_bytes(),
            &[0x10, 0xac, 0x02],
            &[0x2a, 13, 0x0a, 11, 0x0a, 4],
            b"loss",
            &[0x15],
            &0.5_f32.to_le_bytes(),
        ]
        .concat();
        assert_eq!(event, expected);
    }
}
