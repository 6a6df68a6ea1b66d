//! The few pieces of Protocol Buffers that vector tiles are made of.

use crate::layer::Value;

/// A number in groups of seven bits, the lowest first.
pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number as an unsigned one, small for small magnitudes.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// A field of bytes.
pub(super) fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// A field that is a number.
pub(super) fn number(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(field << 3);
    varint(out, value);
}

/// A `Value` message; nothing for null.
pub(super) fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => {}
        Value::Text(text) => bytes(out, 1, text.as_bytes()),
        Value::Real(real) => {
            out.push(3 << 3 | 1);
            out.extend_from_slice(&real.to_le_bytes());
        }
        Value::Integer(whole) => number(out, 6, zigzag(*whole)),
        Value::Boolean(yes) => number(out, 7, u64::from(*yes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_the_format_has_them() {
        let mut out = Vec::new();
        varint(&mut out, 300);
        varint(&mut out, 1);
        assert_eq!(out, [0xac, 0x02, 0x01]);
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
        assert_eq!(zigzag(i64::MIN), u64::MAX);
    }
}
