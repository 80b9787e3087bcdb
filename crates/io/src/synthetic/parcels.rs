//! Farmland: districts (Voronoi cells with roads between them), each divided into parcels by a grid of its own.

use super::hash::{byte, key, mix, spread};
use super::lanes::{at_least, at_most, choose, split};

/// Pixels across a cell of the lattice that holds one district's centre each.
const DISTRICT: i64 = 1024;

/// Pixels of a row that are computed together; strips begin and end at multiples of it.
pub(super) const SEGMENT: usize = 16;

/// The widest strip of columns that is swept from top to bottom: what it needs stays in the first-level cache.
pub(super) const STRIP: usize = 512;

/// Half the width of a road in pixels.
const ROAD: f32 = 1.3;

/// What grows on a place of a parcel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ground {
    /// Share of green plants, 0 to 1.
    pub(super) green: f32,
    /// Bare soil: share times brightness.
    pub(super) soil: f32,
    /// Ripe or dry plants.
    pub(super) dry: f32,
    /// Roofs and paving.
    pub(super) roof: f32,
}

/// What lies on the pixels of a segment: each kind's shares together, so that they are computed together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grounds {
    pub(super) green: [f32; SEGMENT],
    pub(super) soil: [f32; SEGMENT],
    pub(super) dry: [f32; SEGMENT],
    pub(super) roof: [f32; SEGMENT],
}

impl Grounds {
    /// Nothing anywhere.
    pub(super) const NONE: Self =
        Grounds { green: [0.0; SEGMENT], soil: [0.0; SEGMENT], dry: [0.0; SEGMENT], roof: [0.0; SEGMENT] };

    /// The ground of pixel `i`.
    #[inline(always)]
    pub(super) fn at(&self, i: usize) -> Ground {
        Ground { green: self.green[i], soil: self.soil[i], dry: self.dry[i], roof: self.roof[i] }
    }

    #[inline(always)]
    fn set(&mut self, i: usize, ground: Ground) {
        self.green[i] = ground.green;
        self.soil[i] = ground.soil;
        self.dry[i] = ground.dry;
        self.roof[i] = ground.roof;
    }
}

/// A point's place in a district.
#[derive(Clone, Copy, Debug)]
struct Place {
    strip: i32,
    parcel: i32,
    /// The parcel's number, from which everything about it follows.
    hash: u32,
    /// Parcels to the pixel along the strip, and where the first begins.
    lengths: f32,
    offset: f32,
    /// From one side of the strip (0) to the other (1), and from one end of the parcel to the other.
    across: f32,
    along: f32,
}

/// What grows on a parcel.
#[derive(Clone, Copy, Debug)]
struct Crop {
    green: f32,
    soil: f32,
    dry: f32,
    /// How deep its furrows are.
    furrows: f32,
    built: bool,
}

impl Crop {
    #[inline(always)]
    fn of(hash: u32, built: u32) -> Self {
        let (cover, tone, ripe) = (byte::<8>(hash), byte::<16>(hash), byte::<24>(hash));
        // Steep in the middle: most parcels are green or bare, few between.
        let cover = at_most(at_least(cover * 3.0 - 1.0, 0.04), 0.96);
        let ripe = at_least(ripe * 2.8 - 1.8, 0.0);
        Crop {
            green: cover * (0.55 + 0.45 * tone) * (1.0 - ripe * 0.8),
            soil: (1.0 - cover) * (0.45 + 0.9 * tone),
            dry: ripe * cover,
            furrows: 0.10 * byte::<1>(hash),
            built: (hash >> 2) & 63 < built,
        }
    }
}

/// A district: where its grid of parcels begins, how it lies and how large its parcels are.
#[derive(Clone, Copy, Debug)]
pub(super) struct District {
    x: i64,
    y: i64,
    cosine: f32,
    sine: f32,
    /// Width of a strip of parcels in pixels, and its reciprocal.
    width_px: f32,
    strips: f32,
    /// Parcels to the pixel along a strip.
    lengths: f32,
    /// Rows of plants to the pixel.
    rows: f32,
    /// Of 64 parcels, how many are built on.
    built: u32,
    key: u32,
}

impl District {
    fn new(key: u64, column: i64, row: i64) -> Self {
        let place = spread(key ^ spread((column as u64).wrapping_mul(0x9E37_79B9) ^ spread(row as u64)));
        let detail = spread(place);
        let share = |word: u64, shift: u32| ((word >> shift) & 0xFFFF) as f32 * (1.0 / 65535.0);
        // Centres keep to the middle of their cell, so that the nearest one is never more than a cell away.
        let offset = |share: f32| ((0.2 + 0.6 * share) * DISTRICT as f32) as i64;
        // A point of the circle by its half-angle's tangent: no library sine, whose bits differ between machines.
        let tangent = share(place, 32) * 0.828 - 0.414;
        let norm = 1.0 / (1.0 + tangent * tangent);
        let width_px = 24.0 + 56.0 * share(detail, 0) * share(detail, 0);
        District {
            x: column * DISTRICT + offset(share(place, 0)),
            y: row * DISTRICT + offset(share(place, 16)),
            cosine: (1.0 - tangent * tangent) * norm,
            sine: 2.0 * tangent * norm,
            width_px,
            strips: 1.0 / width_px,
            lengths: 1.0 / (width_px * (1.5 + 4.0 * share(detail, 16))),
            rows: 0.14 + 0.2 * share(detail, 32),
            built: if (place >> 48) & 7 == 0 { 10 } else { 1 },
            key: (detail >> 32) as u32 ^ place as u32,
        }
    }

    /// The square of the distance from the pixel `step` columns to the east of `origin` to the centre.
    #[inline(always)]
    fn square_distance(&self, step: f32, origin: [i64; 2]) -> f32 {
        let (left, dy) = self.offset(origin);
        (left + step) * (left + step) + dy * dy
    }

    /// The place of `origin` relative to the centre.
    #[inline(always)]
    fn offset(&self, origin: [i64; 2]) -> (f32, f32) {
        ((origin[0] - self.x) as f32, (origin[1] - self.y) as f32)
    }

    /// The parcel of the segment that begins at `origin`, over the rows of a lookup, where there is only one.
    ///
    /// Parcels are rectangles of a grid whose coordinates, rounding included, only grow or only shrink along rows and
    /// along columns: what holds for the four corners holds for all pixels.
    fn only_parcel(&self, origin: [i64; 2]) -> Option<Place> {
        let (left, top) = self.offset(origin);
        let (mut strips, mut parcels) = ([0; 4], [0; 4]);
        for corner in 0..4 {
            let (right, low) = ((corner & 1) as i32 as f32, (corner >> 1) as i32 as f32);
            let (dx, dy) = (left + right * (SEGMENT as f32 - 1.0), top + low * (LOOKUP as f32 - 1.0));
            let place = self.locate(self.turn(dx, dy));
            (strips[corner], parcels[corner]) = (place.strip, place.parcel);
        }
        (strips == [strips[0]; 4] && parcels == [parcels[0]; 4]).then(|| self.locate(self.turn(left, top)))
    }

    /// Where the point `(dx, dy)` away from the centre lies in the district's own grid, in pixels.
    #[inline(always)]
    fn turn(&self, dx: f32, dy: f32) -> [f32; 2] {
        [dx * self.cosine + dy * self.sine, dy * self.cosine - dx * self.sine]
    }

    /// The parcel in which a point of the grid lies, and the point's place in it.
    #[inline(always)]
    fn locate(&self, [u, v]: [f32; 2]) -> Place {
        let (strip, across) = split(u * self.strips);
        let of_strip = mix(self.key ^ strip as u32);
        // Every strip has parcels of its own length, and begins somewhere else.
        let lengths = self.lengths * (0.7 + 0.8 * byte::<0>(of_strip));
        let offset = byte::<8>(of_strip);
        let (parcel, along) = split(v * lengths + offset);
        let hash = mix(of_strip.wrapping_add((parcel as u32).wrapping_mul(0x9E37_79B9)));
        Place { strip, parcel, hash, lengths, offset, across, along }
    }

    /// What lies on a point of the grid, in a parcel.
    #[inline(always)]
    fn ground(&self, [u, v]: [f32; 2], place: Place, crop: Crop) -> Ground {
        let edge_u = (0.5 - (place.across - 0.5).abs()) * self.width_px;
        let edge_v = 0.5 - (place.along - 0.5).abs();
        let verge = (edge_u < 0.7) | (edge_v < 0.7 * place.lengths);
        // Rows of plants, along the strip or across it.
        let (_, furrow) = split(choose(place.hash & 1 == 0, u, v) * self.rows);
        let furrow = ((furrow - 0.5).abs() * 4.0 - 1.0) * crop.furrows;
        let between = 1.0 - at_least(furrow, 0.0);
        Ground {
            green: choose(verge, 0.45, at_least(crop.green * between + furrow * 0.5, 0.0)),
            soil: choose(verge, 0.55, at_least(crop.soil * between + furrow * 0.8, 0.0)),
            dry: choose(verge, 0.1, crop.dry),
            roof: choose(crop.built & !verge, BUILT, 0.0),
        }
    }

    /// Puts houses and gardens on a pixel of a built-on parcel.
    #[inline(always)]
    fn build(&self, [u, v]: [f32; 2], ground: Ground) -> Ground {
        let (column, across) = split(u * (1.0 / 5.0));
        let (row, along) = split(v * (1.0 / 7.0));
        let hash = mix(mix(self.key.wrapping_add(column as u32)) ^ row as u32);
        let (street, house) = (across < 0.2, byte::<0>(hash) > 0.35 && along > 0.25);
        let tone = byte::<8>(hash);
        // One roof in fifty shines, as glass and metal do.
        let roof = if hash >> 16 & 0xFF < 5 { 1.6 } else { 0.25 + 0.6 * tone * tone };
        let built = match (street, house) {
            (true, _) => Ground { green: 0.05, soil: 0.15, dry: 0.0, roof: 0.35 },
            (false, true) => Ground { green: 0.05, soil: 0.2, dry: 0.0, roof },
            (false, false) => Ground { green: 0.5, soil: 0.3, dry: 0.1, roof: 0.05 },
        };
        if ground.roof == BUILT { built } else { ground }
    }

    /// Puts houses and gardens on what is built on of the segment that begins at `origin`.
    fn build_segment(&self, grounds: &mut Grounds, origin: [i64; 2]) {
        let (left, dy) = self.offset(origin);
        for step in 0..SEGMENT {
            let point = self.turn(left + step as i32 as f32, dy);
            grounds.set(step, self.build(point, grounds.at(step)));
        }
    }
}

const BUILT: f32 = 1.0;

/// Rows for which the districts of a segment are looked up once.
const LOOKUP: i64 = 4;

/// What a segment holds over the rows of a lookup.
#[derive(Clone, Copy, Debug)]
enum Holds {
    /// One parcel of the district of that number in the table; its place is that of one of its points.
    Parcel(usize, Place),
    /// One district.
    District(usize),
    /// A border: a bit for each district that is or may be the nearest to one of its pixels, or the second nearest
    /// beside a road.
    Border(u16),
}

/// The districts around a strip of pixels that lies in one column of districts.
#[derive(Debug)]
pub(super) struct Districts {
    key: u64,
    /// First column of the strip, a multiple of [`SEGMENT`].
    x: i64,
    /// The row of districts in the table's middle, once it is filled.
    row: Option<i64>,
    table: [District; 9],
    /// The rows of pixels for which `near` holds, in units of [`LOOKUP`].
    lookup: Option<i64>,
    /// What each segment of the strip holds.
    holds: [Holds; STRIP / SEGMENT],
}

impl Districts {
    /// The districts of a seed, for a strip that begins at column `x` and crosses no multiple of [`STRIP`].
    pub(super) fn new(seed: u64, x: i64) -> Self {
        const { assert!((DISTRICT as usize).is_multiple_of(STRIP) && STRIP.is_multiple_of(SEGMENT)) };
        let key = key(seed, 21);
        let table = [District::new(key, 0, 0); 9];
        Districts { key, x, row: None, table, lookup: None, holds: [Holds::Border(0); STRIP / SEGMENT] }
    }

    /// What lies on the segment that begins at column `x` of row `y`.
    pub(super) fn ground(&mut self, x: i64, y: i64) -> Grounds {
        if self.lookup != Some(y.div_euclid(LOOKUP)) {
            self.look_up(y.div_euclid(LOOKUP));
        }
        match &self.holds[(x - self.x) as usize / SEGMENT] {
            Holds::Parcel(index, place) => one_parcel(&self.table[*index], *place, [x, y]),
            Holds::District(index) => one_district(&self.table[*index], [x, y]),
            Holds::Border(near) => between(&self.table, *near, [x, y]),
        }
    }

    fn look_up(&mut self, lookup: i64) {
        let row = (lookup * LOOKUP).div_euclid(DISTRICT);
        if self.row != Some(row) {
            let column = self.x.div_euclid(DISTRICT);
            for (index, district) in (0_i64..).zip(self.table.iter_mut()) {
                *district = District::new(self.key, column - 1 + index % 3, row - 1 + index / 3);
            }
            self.row = Some(row);
        }
        for (holds, x) in self.holds.iter_mut().zip((self.x..).step_by(SEGMENT)) {
            let near = near(&self.table, [x, lookup * LOOKUP]);
            *holds = if near.is_power_of_two() {
                let index = near.trailing_zeros() as usize;
                let place = self.table[index].only_parcel([x, lookup * LOOKUP]);
                place.map_or(Holds::District(index), |place| Holds::Parcel(index, place))
            } else {
                Holds::Border(near)
            };
        }
        self.lookup = Some(lookup);
    }
}

/// The districts near the segment that begins at `origin`, over the rows of a lookup.
fn near(table: &[District; 9], origin: [i64; 2]) -> u16 {
    // All its pixels lie in a circle of this radius. By the triangle inequality none is near a district that is so much
    // farther from the centre than the nearest.
    const REACH: f32 = 0.5 * (SEGMENT as f32 + LOOKUP as f32) + ROAD + 1.0;
    let centre = [origin[0] + SEGMENT as i64 / 2, origin[1] + LOOKUP / 2];
    let mut distances = [0.0; 9];
    for (distance, district) in distances.iter_mut().zip(table) {
        *distance = district.square_distance(0.0, centre).sqrt();
    }
    let nearest = distances.iter().copied().fold(f32::MAX, at_most);
    (0..9).fold(0, |bits, index| bits | u16::from(distances[index] < nearest + 2.0 * REACH) << index)
}

/// A segment inside one parcel.
fn one_parcel(district: &District, place: Place, origin: [i64; 2]) -> Grounds {
    let (left, dy) = district.offset(origin);
    let crop = Crop::of(place.hash, district.built);
    let mut grounds = Grounds::NONE;
    for step in 0..SEGMENT {
        let [u, v] = district.turn(left + step as i32 as f32, dy);
        let (_, across) = split(u * district.strips);
        let (_, along) = split(v * place.lengths + place.offset);
        grounds.set(step, district.ground([u, v], Place { across, along, ..place }, crop));
    }
    if crop.built {
        district.build_segment(&mut grounds, origin);
    }
    grounds
}

/// A segment inside one district.
fn one_district(district: &District, origin: [i64; 2]) -> Grounds {
    let (left, dy) = district.offset(origin);
    let mut grounds = Grounds::NONE;
    for step in 0..SEGMENT {
        let point = district.turn(left + step as i32 as f32, dy);
        let place = district.locate(point);
        grounds.set(step, district.ground(point, place, Crop::of(place.hash, district.built)));
    }
    if grounds.roof.contains(&BUILT) {
        district.build_segment(&mut grounds, origin);
    }
    grounds
}

/// The nearest, or second nearest, centre to each pixel of a segment: the distance's square, and the centre's place.
#[derive(Clone, Copy)]
struct Nearest {
    square: [f32; SEGMENT],
    x: [f32; SEGMENT],
    y: [f32; SEGMENT],
}

/// A segment that several districts share: each pixel belongs to the nearest, and where two are equally near is a road.
fn between(table: &[District; 9], near: u16, origin: [i64; 2]) -> Grounds {
    let mut grounds = Grounds::NONE;
    let none = Nearest { square: [f32::MAX; SEGMENT], x: [0.0; SEGMENT], y: [0.0; SEGMENT] };
    let (mut first, mut second) = (none, none);
    for (_, district) in table.iter().enumerate().filter(|(index, _)| near >> index & 1 == 1) {
        let own = one_district(district, origin);
        let [x, y] = [district.x - origin[0], district.y - origin[1]].map(|offset| offset as f32);
        for step in 0..SEGMENT {
            let square = district.square_distance(step as f32, origin);
            if square < first.square[step] {
                (second.square[step], second.x[step], second.y[step]) =
                    (first.square[step], first.x[step], first.y[step]);
                (first.square[step], first.x[step], first.y[step]) = (square, x, y);
                grounds.set(step, own.at(step));
            } else if square < second.square[step] {
                (second.square[step], second.x[step], second.y[step]) = (square, x, y);
            }
        }
    }
    for step in 0..SEGMENT {
        let (dx, dy) = (second.x[step] - first.x[step], second.y[step] - first.y[step]);
        let from_border = (second.square[step] - first.square[step]) / (2.0 * (dx * dx + dy * dy).sqrt());
        if from_border < ROAD {
            grounds.set(step, Ground { green: 0.02, soil: 0.1, dry: 0.85, roof: 0.0 });
        }
    }
    grounds
}
