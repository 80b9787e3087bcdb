//! Numbers from places: integer hashes of a key and two coordinates, the same on every machine.
//!
//! 32-bit multiplications, shifts and exclusive-ors only, so that rows of hashes vectorise everywhere.

/// Spreads a 64-bit number over all its bits (the finaliser of splitmix64, Steele et al. 2014).
pub(super) const fn spread(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The key of one field of the scene: every field draws its own numbers.
pub(super) const fn key(seed: u64, field: u64) -> u64 {
    spread(spread(seed) ^ field.wrapping_mul(0xD6E8_FEB8_6659_FD93))
}

/// Spreads a 32-bit number over all its bits (`lowbias32`, Wellons 2018).
#[inline(always)]
pub(super) const fn mix(value: u32) -> u32 {
    let value = (value ^ (value >> 16)).wrapping_mul(0x7FEB_352D);
    let value = (value ^ (value >> 15)).wrapping_mul(0x846C_A68B);
    value ^ (value >> 16)
}

/// The hashes of one row of a lattice.
///
/// The row enters before and after the first multiplication: with one entry only, two rows could be shifted copies
/// of each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashRow {
    before: u32,
    between: u32,
}

impl HashRow {
    /// The row `y` of the field `key`.
    pub(super) const fn new(key: u64, y: i64) -> Self {
        let word = spread(key ^ spread(y as u64));
        HashRow { before: word as u32, between: (word >> 32) as u32 }
    }

    /// The hash at column `x`.
    #[inline(always)]
    pub(super) const fn at(self, x: u32) -> u32 {
        let value = x ^ self.before;
        let value = (value ^ (value >> 16)).wrapping_mul(0x7FEB_352D);
        let value = (value ^ (value >> 15) ^ self.between).wrapping_mul(0x846C_A68B);
        value ^ (value >> 16)
    }
}

/// A hash as a number from -1 to 1.
#[inline(always)]
pub(super) fn signed(hash: u32) -> f32 {
    hash as i32 as f32 * (1.0 / 2_147_483_648.0)
}

/// Bits `SHIFT` to `SHIFT + 7` of a hash as a number from 0 to 1.
#[inline(always)]
pub(super) fn byte<const SHIFT: u32>(hash: u32) -> f32 {
    ((hash >> SHIFT) & 0xFF) as i32 as f32 * (1.0 / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_spread_and_rows_unlike() {
        let rows: Vec<HashRow> = (-2..62).map(|y| HashRow::new(key(7, 1), y)).collect();
        let mut ones = [0_u32; 32];
        let mut sum = 0.0;
        for (row, next) in rows.iter().zip(&rows[1..]) {
            for x in 0..1024 {
                let hash = row.at(x);
                for (bit, count) in ones.iter_mut().enumerate() {
                    *count += (hash >> bit) & 1;
                }
                sum += f64::from(signed(hash)) * f64::from(signed(next.at(x)));
            }
        }
        let drawn = 63.0 * 1024.0;
        assert!(ones.iter().all(|&count| (f64::from(count) / drawn - 0.5).abs() < 0.01), "{ones:?}");
        assert!((sum / drawn).abs() < 0.01, "neighbouring rows are alike: {sum}");
    }

    #[test]
    fn numbers_are_pinned() {
        // Scenes made today must be the scenes made tomorrow.
        assert_eq!(HashRow::new(key(1, 2), 3).at(4), PINNED);
        assert_eq!([signed(0), signed(1 << 31)], [0.0, -1.0]);
        assert_eq!([byte::<0>(0xFF), byte::<8>(0xFF)], [1.0, 0.0]);
    }

    const PINNED: u32 = 457_441_503;
}
