//! How the chunks of an array cover a raster: which dimension is which, and where a sample lies in a chunk.

use swathe_core::{Error, Result, SampleType, Size, Window};

use crate::sweep::Blocks;
use crate::tiff::directory::ByteOrder;
use crate::zarr::codec::{CHECKSUM_BYTES, Coding};
use crate::zarr::metadata::{ArrayCodec, ArrayMetadata, Chain, ChunkKeys, Sharding};

/// More bands are no raster, and would make every list of bands a burden.
const MOST_BANDS: u64 = 1 << 20;

/// What dimensions are called that run from west to east, and from north to south.
const X_NAMES: [&str; 6] = ["x", "lon", "longitude", "easting", "column", "columns"];
const Y_NAMES: [&str; 6] = ["y", "lat", "latitude", "northing", "row", "rows"];

/// Where a raster's samples lie in an array's chunks. The chunks are those within shards, where there are shards.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) size: Size,
    pub(crate) bands: usize,
    pub(crate) sample_type: SampleType,
    pub(crate) axes: Axes,
    /// Columns and rows of a chunk, and its bands.
    pub(crate) block: Size,
    pub(crate) block_bands: usize,
    /// Samples from one band, row and column of a decoded chunk to the next.
    pub(crate) strides: Strides,
    pub(crate) coding: Coding,
    pub(crate) fill: Vec<u8>,
    /// Samples of a chunk, where memory can hold so many.
    samples: Option<usize>,
    dimensions: usize,
    keys: ChunkKeys,
    pub(crate) shards: Option<Shards>,
}

/// Which dimension is which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axes {
    pub(crate) band: Option<usize>,
    pub(crate) y: usize,
    pub(crate) x: usize,
}

/// Samples between neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strides {
    pub(crate) band: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
}

/// How chunks lie in shards.
#[derive(Clone, Debug)]
pub(crate) struct Shards {
    /// Chunks of a shard along each dimension.
    per_shard: Vec<u64>,
    /// Bytes of the index.
    pub(crate) index_bytes: usize,
    pub(crate) index_order: ByteOrder,
    pub(crate) index_has_checksum: bool,
    pub(crate) index_is_first: bool,
}

/// The place of a chunk in the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) plane: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

/// An index of shards is read whole; none is longer.
const MOST_INDEX_BYTES: u64 = 16 << 20;

impl Layout {
    /// The raster in an array, for messages called `name`.
    ///
    /// # Errors
    /// Unsupported, where its dimensions are none of a raster's; Damaged, where it has no samples.
    pub(crate) fn of(name: &str, array: &ArrayMetadata) -> Result<Self> {
        let shape = &array.shape;
        let axes = Axes::of(shape, &array.names).ok_or_else(|| {
            Error::unsupported(format!(
                "`{name}`: an array of shape {shape:?} is not supported; rasters are (rows, columns) or (bands, rows, columns)"
            ))
        })?;
        if shape.contains(&0) {
            return Err(Error::damaged(format!("`{name}`: an array of shape {shape:?} holds nothing")));
        }
        let bands = axes.band.map_or(1, |axis| shape[axis]);
        if bands > MOST_BANDS {
            return Err(Error::unsupported(format!("`{name}`: a raster of {bands} bands is not supported")));
        }
        let (chunk, chain, sharding) = match &array.chain.bytes {
            ArrayCodec::Shards(sharding) => (&sharding.chunk, &sharding.chain, Some(sharding)),
            ArrayCodec::Plain(_) => (&array.chunk, &array.chain, None),
        };
        let ArrayCodec::Plain(order) = chain.bytes else {
            return Err(Error::unsupported(format!("`{name}`: shards within shards are not supported")));
        };
        let side = |axis: usize| chunk[axis] as usize;
        let samples = chunk.iter().try_fold(1_u64, |product, &side| product.checked_mul(side));
        let sample_bytes = array.sample_type.size();
        let samples = samples.filter(|&samples| samples <= (isize::MAX as u64) / sample_bytes as u64);
        let shards = sharding.map(|sharding| Shards::of(name, &array.chunk, sharding)).transpose()?;
        Ok(Layout {
            size: Size::new(shape[axes.x] as usize, shape[axes.y] as usize),
            bands: bands as usize,
            sample_type: array.sample_type,
            axes,
            block: Size::new(side(axes.x), side(axes.y)),
            block_bands: axes.band.map_or(1, side),
            strides: Strides::of(axes, chunk, chain),
            coding: Coding { order, sample_bytes, outer: chain.outer.clone() },
            fill: array.fill.clone(),
            samples: samples.map(|samples| samples as usize),
            dimensions: shape.len(),
            keys: array.keys,
            shards,
        })
    }

    /// Bytes of a decoded chunk.
    pub(crate) fn block_bytes(&self) -> usize {
        self.samples.map_or(usize::MAX, |samples| samples * self.coding.sample_bytes)
    }

    /// How chunks cover the raster.
    pub(crate) fn blocks(&self) -> Blocks {
        Blocks { raster: self.size, block: self.block, planes: self.bands.div_ceil(self.block_bands) }
    }

    /// The places of the chunks that a window touches, plane by plane, row by row.
    pub(crate) fn places(&self, window: Window) -> impl Iterator<Item = Place> + use<> {
        let (block, planes) = (self.block, self.blocks().planes);
        let columns = window.x as usize / block.width..(window.x_end() as usize).div_ceil(block.width);
        let rows = window.y as usize / block.height..(window.y_end() as usize).div_ceil(block.height);
        (0..planes).flat_map(move |plane| {
            let columns = columns.clone();
            rows.clone().flat_map(move |row| columns.clone().map(move |column| Place { plane, row, column }))
        })
    }

    /// The number of a chunk: plane by plane, row by row.
    pub(crate) fn number(&self, place: Place) -> u64 {
        let blocks = self.blocks();
        let row = (place.plane as u64).wrapping_mul(blocks.down() as u64).wrapping_add(place.row as u64);
        row.wrapping_mul(blocks.across() as u64).wrapping_add(place.column as u64)
    }

    /// The file that holds a chunk, and its number in the file's index where that is a shard.
    pub(crate) fn file(&self, place: Place) -> (String, u64) {
        let mut places = vec![0; self.dimensions];
        if let Some(axis) = self.axes.band {
            places[axis] = place.plane as u64;
        }
        places[self.axes.y] = place.row as u64;
        places[self.axes.x] = place.column as u64;
        let Some(shards) = &self.shards else { return (self.keys.key(places), 0) };
        let within = places
            .iter()
            .zip(&shards.per_shard)
            .fold(0, |number, (place, count)| number * count + place % count);
        (self.keys.key(places.iter().zip(&shards.per_shard).map(|(place, count)| place / count)), within)
    }

    /// How files cover the raster.
    pub(crate) fn files(&self) -> Blocks {
        let Some(shards) = &self.shards else { return self.blocks() };
        let times = |side: usize, axis: usize| side.saturating_mul(shards.per_shard[axis] as usize);
        let block = Size::new(times(self.block.width, self.axes.x), times(self.block.height, self.axes.y));
        let bands = self.axes.band.map_or(1, |axis| times(self.block_bands, axis));
        Blocks { raster: self.size, block, planes: self.bands.div_ceil(bands) }
    }

    /// The number of the file that holds a chunk, of those that [`Layout::files`] counts.
    pub(crate) fn file_number(&self, place: Place) -> u64 {
        let Some(shards) = &self.shards else { return self.number(place) };
        let files = self.files();
        let shard =
            |place: usize, axis: Option<usize>| axis.map_or(0, |axis| place as u64 / shards.per_shard[axis]);
        let row = shard(place.plane, self.axes.band).wrapping_mul(files.down() as u64);
        let row = row.wrapping_add(shard(place.row, Some(self.axes.y)));
        row.wrapping_mul(files.across() as u64).wrapping_add(shard(place.column, Some(self.axes.x)))
    }
}

impl Axes {
    fn of(shape: &[u64], names: &[Option<String>]) -> Option<Self> {
        let named = |known: &[&str]| {
            let mut found = (0..names.len()).filter(|&axis| {
                names[axis].as_ref().is_some_and(|name| known.contains(&name.to_lowercase().as_str()))
            });
            found.next().filter(|_| found.next().is_none())
        };
        let last = shape.len().checked_sub(2)?;
        let (y, x) = match (named(&Y_NAMES), named(&X_NAMES)) {
            (Some(y), Some(x)) => (y, x),
            _ => (last, last + 1),
        };
        let rest = || (0..shape.len()).filter(|&axis| axis != y && axis != x);
        // Dimensions of one element say nothing.
        let mut longer = rest().filter(|&axis| shape[axis] != 1);
        let band = longer.next();
        if longer.next().is_some() {
            return None;
        }
        Some(Axes { band: band.or_else(|| rest().next_back()), y, x })
    }
}

impl Strides {
    fn of(axes: Axes, chunk: &[u64], chain: &Chain) -> Self {
        let mut of_axis = vec![0; chunk.len()];
        let mut samples = 1_usize;
        for &axis in chain.order.iter().rev() {
            of_axis[axis] = samples;
            samples = samples.saturating_mul(chunk[axis] as usize);
        }
        Strides { band: axes.band.map_or(0, |axis| of_axis[axis]), y: of_axis[axes.y], x: of_axis[axes.x] }
    }
}

impl Shards {
    fn of(name: &str, shard: &[u64], sharding: &Sharding) -> Result<Self> {
        let per_shard =
            shard.iter().zip(&sharding.chunk).map(|(shard, chunk)| shard / chunk).collect::<Vec<_>>();
        let chunks = per_shard.iter().try_fold(1_u64, |product, &count| product.checked_mul(count));
        let bytes =
            chunks.and_then(|chunks| chunks.checked_mul(16)).filter(|&bytes| bytes <= MOST_INDEX_BYTES);
        let bytes = bytes.ok_or_else(|| {
            Error::limit(format!(
                "`{name}`: the index of a shard is larger than {} MiB",
                MOST_INDEX_BYTES >> 20
            ))
        })?;
        let checksum = if sharding.index_has_checksum { CHECKSUM_BYTES } else { 0 };
        Ok(Shards {
            per_shard,
            index_bytes: bytes as usize + checksum,
            index_order: sharding.index_order,
            index_has_checksum: sharding.index_has_checksum,
            index_is_first: sharding.index_is_first,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
    }

    #[test]
    fn dimensions_are_told_apart() {
        let axes = |shape: &[u64], called: &[&str]| Axes::of(shape, &names(called));
        let of = |band, y, x| Some(Axes { band, y, x });
        assert_eq!(axes(&[5, 7], &["", ""]), of(None, 0, 1));
        assert_eq!(axes(&[5, 7], &["x", "y"]), of(None, 1, 0));
        assert_eq!(axes(&[3, 5, 7], &["", "", ""]), of(Some(0), 1, 2));
        assert_eq!(axes(&[5, 7, 3], &["Y", "X", "band"]), of(Some(2), 0, 1));
        assert_eq!(axes(&[1, 3, 5, 7], &["time", "band", "lat", "lon"]), of(Some(1), 2, 3));
        assert_eq!(axes(&[1, 1, 5, 7], &["", "", "", ""]), of(Some(1), 2, 3));
        assert_eq!(axes(&[2, 3, 5, 7], &["", "", "", ""]), None);
        assert_eq!(axes(&[7], &["x"]), None);
    }
}
