//! Puts the parts of an output together that shards computed, each on tiles of its own.
//!
//! A shard is a band of rows; tiles follow each other within it as they do in a run that is not divided. Where rasters are
//! gone through in stripes, the output has the first stripe of all shards before the second of any.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use swathe_core::{
    Destination, Error, Footprint, Halo, Keep, Part, Result, Shard, ShardTile, Shards, Sharing, Size,
};

use crate::grid::TileGrid;
use crate::means::row_width;
use crate::pipeline::{Catalogue, Graph, Pipeline};
use crate::report::{Observer, Progress};

/// The tiles of an output that was computed in shards, in the order in which the output has them.
pub struct ShardedTiles {
    /// The tiles of each shard; none where it has no rows.
    grids: Vec<Option<TileGrid>>,
    segments: Vec<Segment>,
}

/// Tiles of one shard that follow each other in the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The shard, from 0.
    pub shard: usize,
    /// The number of the first of them in the shard.
    pub first: u64,
    /// Their numbers in the output.
    pub tiles: Range<u64>,
}

impl ShardedTiles {
    /// The tiles of a graph's output where each shard had tiles of one of these sizes.
    fn new(graph: &Graph, tiles: &[Size]) -> Self {
        let (size, destination) = (graph.output().size, graph.destination.as_ref());
        let width = row_width(&graph.chain, destination);
        let grids = Shard::all(tiles.len() as u64).zip(tiles).map(|(shard, &tile)| {
            let rows = shard.rows(size.height, destination.block().height);
            let grid = TileGrid::new(size, tile, Halo::NONE).over_rows(&rows).in_stripes(width);
            (!rows.is_empty()).then_some(grid)
        });
        let grids = grids.collect::<Vec<_>>();
        let stripes = grids
            .iter()
            .flatten()
            .map(|grid| grid.tiles_of_stripes().collect::<Vec<_>>())
            .collect::<Vec<_>>();
        let numbers = grids.iter().enumerate().filter(|(_, grid)| grid.is_some()).map(|(shard, _)| shard);
        let mut shards = numbers.zip(stripes).map(|(shard, stripes)| (shard, 0, stripes)).collect::<Vec<_>>();
        let (mut segments, mut next) = (Vec::new(), 0);
        for stripe in 0..shards.first().map_or(0, |(.., stripes)| stripes.len()) {
            for (shard, first, stripes) in &mut shards {
                let count = stripes[stripe];
                segments.push(Segment { shard: *shard, first: *first, tiles: next..next + count });
                *first += count;
                next += count;
            }
        }
        ShardedTiles { grids, segments }
    }

    /// The same of a pipeline's output.
    ///
    /// # Errors
    /// As [`Graph::resolve`].
    pub fn of(pipeline: &Pipeline, catalogue: &dyn Catalogue, tiles: &[Size]) -> Result<Self> {
        Ok(ShardedTiles::new(&Graph::with_stand_ins(pipeline, catalogue)?.0, tiles))
    }

    /// How many tiles a shard (from 0) has.
    pub fn count(&self, shard: usize) -> u64 {
        self.grids.get(shard).and_then(Option::as_ref).map_or(0, TileGrid::count)
    }

    /// Runs of tiles of one shard, in the order of the output.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

/// An output whose shards are to be put together.
pub struct Gathering {
    destination: Box<dyn Destination>,
    tiles: ShardedTiles,
    pixels: u64,
}

impl Gathering {
    /// Thinks out how the output of a pipeline is put together of shards that had tiles of these sizes.
    ///
    /// # Errors
    /// As [`Graph::resolve`]; Unsupported, where the output cannot be computed in shards.
    pub fn of(pipeline: &Pipeline, catalogue: &dyn Catalogue, tiles: &[Size]) -> Result<Self> {
        let (graph, ..) = Graph::with_stand_ins(pipeline, catalogue)?;
        let graph = graph.of_shard_of(Some(Shard { number: 1, count: 1 }), pipeline)?;
        let tiles = ShardedTiles::new(&graph, tiles);
        let pixels = graph.output().size.pixels() as u64;
        Ok(Gathering { destination: graph.destination, tiles, pixels })
    }

    /// How many tiles a shard (from 0) has.
    pub fn count(&self, shard: usize) -> u64 {
        self.tiles.count(shard)
    }

    /// Where the shards put what they computed.
    pub fn sharing(&self) -> Sharing {
        self.destination.sharing().unwrap_or(Sharing::OneFile)
    }

    /// Puts the shards together and gives the output its name; returns its size in bytes. `cancel` is looked at between tiles.
    ///
    /// # Errors
    /// Damaged, where a shard's part is not what it wrote; Limit, where the disk is too small; Interrupted, where `cancel` was set.
    /// What the shards left stays as it is in every case.
    pub fn run(
        self,
        shards: &mut dyn Shards,
        keep: Box<dyn Keep>,
        flush: bool,
        observer: &dyn Observer,
        cancel: &AtomicBool,
    ) -> Result<u64> {
        let Gathering { destination, tiles, pixels } = self;
        let first = tiles.grids.iter().flatten().next().map_or(Size::new(1, 1), TileGrid::tile_size);
        let count = tiles.segments.last().map_or(0, |segment| segment.tiles.end);
        let journal = keep.open(first, count, 1)?;
        let sharing = destination.sharing();
        let take_over = |shards: &mut dyn Shards| {
            let mut head = Footprint::new(true);
            let sink = destination.create_kept(journal.position(), &mut head)?;
            journal.record(Part::Head, &head)?;
            let mut done = Progress { tiles: count, pixels, ..Progress::default() };
            for Segment { shard, first, tiles: numbers } in &tiles.segments {
                let Some(grid) = tiles.grids.get(*shard).and_then(Option::as_ref) else { continue };
                for (number, local) in numbers.clone().zip(*first..) {
                    if cancel.load(Ordering::Relaxed) {
                        return Err(Error::interrupted(format!(
                            "stopped after {number} of {count} tiles; the shards are kept, and can be gathered again"
                        )));
                    }
                    let window = grid.nth(local);
                    let extents = shards.next(*shard)?;
                    let footprint = match sharing {
                        Some(Sharing::OwnFiles) => {
                            let read = |offset: u64, bytes: &mut [u8]| shards.read(*shard, offset, bytes);
                            let mut footprint = Footprint::new(true);
                            let tile = ShardTile { extents: &extents, read: &read };
                            sink.take_over(window, &tile, &mut footprint)?;
                            footprint
                        }
                        _ => Footprint::of(extents),
                    };
                    journal.record(Part::Tile(number), &footprint)?;
                    done.tiles_done += 1;
                    done.pixels_done += window.size().pixels() as u64;
                    observer.tile_done(done);
                }
            }
            Ok(sink)
        };
        match take_over(shards) {
            // Where names are missing at last, the journal tells the next run which.
            Ok(sink) => {
                let bytes = sink.finish(flush, Some(journal.as_ref()))?;
                journal.close().map(|()| bytes)
            }
            Err(error) => {
                journal.give_up();
                Err(error)
            }
        }
    }
}
