//! Which directories of a file are pages, and which are smaller copies or masks of one.

use swathe_core::{Error, Result, Size};

use crate::access::InputFile;
use crate::tiff::directory::{Directory, Entry, Structure};
use crate::tiff::tag;

/// Bits of NewSubfileType: a copy of less resolution, a mask.
const COPY: u64 = 1;
const MASK: u64 = 4;

/// More SubIFDs than any page of a real file has.
const MOST_HANGING: u64 = 256;

/// The directories of a file, sorted out. Numbers count directories of the chain, from 0.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// Directories that are pages.
    pub(crate) pages: Vec<usize>,
    /// The directory of the page that was asked for.
    pub(crate) chosen: usize,
    /// The directory of its mask.
    pub(crate) mask: Option<usize>,
    /// Its smaller copies, the largest first.
    pub(crate) overviews: Vec<Overview>,
    /// Masks of the page and of its copies.
    pub(crate) masks: usize,
    /// Directories that hang on the page by SubIFDs and are no smaller copies, which are not read.
    pub(crate) hanging: u64,
}

/// A smaller copy of a page.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    pub(crate) size: Size,
    pub(crate) directory: Directory,
    /// Its mask.
    pub(crate) mask: Option<Directory>,
}

impl Pages {
    /// Sorts out directories, for page `page`, from 0.
    ///
    /// # Errors
    /// Usage, where there is no such page.
    pub(crate) fn read(file: &InputFile, structure: &Structure, page: usize) -> Result<Self> {
        let kinds = structure.directories.iter().map(|directory| kind(file, structure, directory));
        let kinds = kinds.collect::<Vec<_>>();
        let is_page = |number: &usize| kinds[*number] & (COPY | MASK) == 0;
        let mut pages = (0..kinds.len()).filter(is_page).collect::<Vec<_>>();
        if pages.is_empty() {
            // A file of nothing but copies still has a first image.
            pages.push(0);
        }
        let chosen = *pages.get(page).ok_or_else(|| {
            let count = pages.len();
            let (have, noun) = (file.name(), if count == 1 { "page" } else { "pages" });
            Error::usage(format!("`{have}` has {count} {noun}; there is no page {}", page + 1))
        })?;
        let size_of = |number: usize| size_of(file, structure, &structure.directories[number]);
        // What belongs to a page stands between it and the next.
        let next = pages.iter().copied().find(|&other| other > chosen).unwrap_or(kinds.len());
        let own = chosen + 1..next;
        let mask = own.clone().find(|&number| {
            kinds[number] & MASK != 0 && kinds[number] & COPY == 0 && size_of(number) == size_of(chosen)
        });
        let (copies, hanging) = hanging_copies(file, structure, &structure.directories[chosen]);
        let copies = structure.directories[own.clone()].iter().chain(&copies);
        Ok(Pages {
            chosen,
            mask,
            overviews: copies_of(file, structure, copies),
            masks: own.filter(|&number| kinds[number] & MASK != 0).count(),
            hanging,
            pages,
        })
    }
}

/// The smaller copies in a file of nothing else, which lies beside a raster.
pub(crate) fn copies_beside(file: &InputFile, structure: &Structure) -> Vec<Overview> {
    copies_of(file, structure, structure.directories.iter())
}

/// Of directories those that are smaller copies, with their masks, the largest first.
fn copies_of<'a>(
    file: &InputFile,
    structure: &Structure,
    directories: impl Iterator<Item = &'a Directory> + Clone,
) -> Vec<Overview> {
    let of_kind = |wanted: u64| {
        directories
            .clone()
            .filter(move |directory| kind(file, structure, directory) & (COPY | MASK) == wanted)
            .map(|directory| (size_of(file, structure, directory), directory))
    };
    let masks = of_kind(COPY | MASK).collect::<Vec<_>>();
    let mask_of = |size: Size| masks.iter().find(|(other, _)| *other == size).map(|(_, mask)| *mask);
    let mut copies = of_kind(COPY)
        .map(|(size, directory)| {
            let mask = mask_of(size).cloned();
            Overview { size, directory: directory.clone(), mask }
        })
        .collect::<Vec<_>>();
    copies.sort_by_key(|copy| std::cmp::Reverse(copy.size.pixels()));
    copies
}

/// What hangs on a page by SubIFDs: its smaller copies, and how many others.
fn hanging_copies(file: &InputFile, structure: &Structure, page: &Directory) -> (Vec<Directory>, u64) {
    let Some(entry) = page.entry(tag::SUB_IFDS) else { return (Vec::new(), 0) };
    let read = Entry { count: entry.count.min(MOST_HANGING), ..*entry };
    let places = structure.integers(file, &read).unwrap_or_default();
    // What cannot be read is no reason to refuse the page.
    let hanging = places.into_iter().filter_map(|place| structure.directory(file, place).ok());
    let copies = hanging
        .map(|(directory, _)| directory)
        .filter(|directory| kind(file, structure, directory) & COPY != 0)
        .collect::<Vec<_>>();
    let others = entry.count.saturating_sub(copies.len() as u64);
    (copies, others)
}

fn size_of(file: &InputFile, structure: &Structure, directory: &Directory) -> Size {
    let side = |tag: u16| first(file, structure, directory, tag).unwrap_or(0) as usize;
    Size::new(side(tag::IMAGE_WIDTH), side(tag::IMAGE_LENGTH))
}

/// NewSubfileType, or what the older SubfileType says in its words.
fn kind(file: &InputFile, structure: &Structure, directory: &Directory) -> u64 {
    /// SubfileType of a copy of less resolution.
    const OLD_COPY: u64 = 2;
    first(file, structure, directory, tag::NEW_SUBFILE_TYPE).unwrap_or_else(|| {
        let old = first(file, structure, directory, tag::SUBFILE_TYPE);
        if old == Some(OLD_COPY) { COPY } else { 0 }
    })
}

fn first(file: &InputFile, structure: &Structure, directory: &Directory, tag: u16) -> Option<u64> {
    let entry = directory.entry(tag)?;
    let values = structure.integers(file, &Entry { count: entry.count.min(1), ..*entry }).ok()?;
    values.first().copied()
}
