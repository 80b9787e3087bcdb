//! A graph of operations in which nothing is computed twice: equal nodes are one node, and what follows from
//! constants is a constant.

use std::collections::HashMap;

use swathe_core::SampleType;

use super::kernel;
use super::kind::{Constant, Kind};
use super::operation::Operation;
use super::syntax::Pixel;

/// Index of a node; operands come before those that use them.
pub(super) type Id = u32;

/// No operand.
const NONE: Id = Id::MAX;

/// The absolute value of the least `int32`, and of what nothing is known about.
const ANY: u64 = 1 << 31;

/// Up to here `float32` holds every integer.
const SINGLE: u64 = 1 << 24;

/// An operation, the kind of its result, and its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) operation: Operation,
    pub(super) kind: Kind,
    operands: [Id; 3],
}

impl Node {
    /// The operands that there are.
    pub(super) fn operands(&self) -> &[Id] {
        let count = self.operands.iter().position(|&id| id == NONE).unwrap_or(self.operands.len());
        &self.operands[..count]
    }
}

/// Operations over the pixels of the inputs.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    known: HashMap<Node, Id>,
    /// The pixels that the operations name.
    pub(super) pixels: Vec<Pixel>,
    /// The type of each of them in its raster.
    pixel_types: Vec<SampleType>,
    /// The same of each node.
    magnitudes: Vec<u64>,
}

impl Graph {
    /// All nodes, operands first.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node.
    pub(super) fn node(&self, id: Id) -> Node {
        self.nodes[id as usize]
    }

    /// The kind of a node's result.
    pub(super) fn kind(&self, id: Id) -> Kind {
        self.node(id).kind
    }

    /// The constant that a node is, where it is one.
    pub(super) fn constant_of(&self, id: Id) -> Option<Constant> {
        self.bits_of(id).map(|bits| Constant::of_bits(self.kind(id), bits))
    }

    fn bits_of(&self, id: Id) -> Option<u64> {
        match self.node(id).operation {
            Operation::Constant(bits) => Some(bits),
            _ => None,
        }
    }

    /// A constant of `kind`, given by its bits.
    pub(super) fn constant(&mut self, kind: Kind, bits: u64) -> Id {
        self.intern(Node { operation: Operation::Constant(bits), kind, operands: [NONE; 3] })
    }

    /// A truth value.
    pub(super) fn truth(&mut self, value: bool) -> Id {
        self.constant(Kind::Bool, u64::from(value))
    }

    /// A graph without nodes that names the same pixels.
    pub(super) fn emptied(&self) -> Self {
        Graph { pixels: self.pixels.clone(), pixel_types: self.pixel_types.clone(), ..Graph::default() }
    }

    /// The place of a pixel in the list of those that are named.
    pub(super) fn pixel(&mut self, pixel: Pixel, sample_type: SampleType) -> usize {
        let known = self.pixels.iter().position(|known| *known == pixel);
        known.unwrap_or_else(|| {
            self.pixels.push(pixel);
            self.pixel_types.push(sample_type);
            self.pixels.len() - 1
        })
    }

    fn intern(&mut self, node: Node) -> Id {
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        self.magnitudes.push(self.magnitude_of(&node));
        self.nodes.push(node);
        // A text of 64 KiB makes less than 2^32 nodes.
        let id = (self.nodes.len() - 1) as Id;
        self.known.insert(node, id);
        id
    }

    /// The node for an operation, which may be one that was there before, or a simpler one of the same bits.
    pub(super) fn add(&mut self, operation: Operation, kind: Kind, operands: &[Id]) -> Id {
        if let Some(simpler) = self.simpler(operation, kind, operands) {
            return simpler;
        }
        let mut node = Node { operation, kind, operands: [NONE; 3] };
        node.operands[..operands.len()].copy_from_slice(operands);
        if kind == Kind::Bool && matches!(operation, Operation::And | Operation::Or | Operation::Xor) {
            node.operands[..2].sort_unstable();
        }
        self.intern(node)
    }

    fn simpler(&mut self, operation: Operation, kind: Kind, operands: &[Id]) -> Option<Id> {
        let &first = operands.first()?;
        let constants = operands.iter().map(|&id| self.bits_of(id).map(|bits| (self.kind(id), bits)));
        if let Some(constants) = constants.collect::<Option<Vec<_>>>()
            && let Some(bits) = kernel::fold(operation, kind, &constants)
        {
            return Some(self.constant(kind, bits));
        }
        match operation {
            // A pixel is read as what it is wanted as.
            Operation::Cast if self.is_integer_pixel(first) => {
                Some(self.intern(Node { operation: self.node(first).operation, kind, operands: [NONE; 3] }))
            }
            Operation::Narrow => self.narrower(first),
            Operation::Where => self.bits_of(first).map(|bits| operands[if bits == 0 { 2 } else { 1 }]),
            Operation::Divide if kind == Kind::Double => {
                let a = self.integer_of(first)?;
                let b = self.integer_of(operands[1])?;
                Some(self.add(Operation::DivideIntegers, kind, &[a, b]))
            }
            _ => None,
        }
    }

    /// A pixel whose number an integer holds: any cast of it may be done when it is read.
    fn is_integer_pixel(&self, id: Id) -> bool {
        matches!(self.node(id).operation, Operation::Pixel(_)) && self.kind(id).is_integer()
    }

    /// The `float32` nearest to a `float64`, computed in `float32` where that gives the same bits.
    ///
    /// A quotient of two `float32` that is rounded to `float64` and then to `float32` is the one that is rounded to
    /// `float32` at once, since 53 bits are more than twice 24 and two (Figueroa 1995).
    fn narrower(&mut self, id: Id) -> Option<Id> {
        let node = self.node(id);
        let &first = node.operands().first()?;
        match node.operation {
            Operation::Cast if self.kind(first) == Kind::Float => Some(first),
            Operation::DivideIntegers if node.operands().iter().all(|&id| self.magnitude(id) <= SINGLE) => {
                let operands = [first, node.operands()[1]];
                Some(self.add(Operation::DivideNarrow, Kind::Float, &operands))
            }
            _ => None,
        }
    }

    /// What the absolute value of an `int32` does not exceed.
    fn magnitude(&self, id: Id) -> u64 {
        self.magnitudes[id as usize]
    }

    fn magnitude_of(&self, node: &Node) -> u64 {
        let of = |index: usize| node.operands().get(index).map_or(ANY, |&id| self.magnitude(id));
        let known = match node.operation {
            Operation::Constant(bits) if node.kind == Kind::Int => {
                u64::from((bits as u32).cast_signed().unsigned_abs())
            }
            Operation::Pixel(place) => match self.pixel_types[place].size() {
                bytes @ 1..4 => 1 << (8 * bytes),
                _ => ANY,
            },
            Operation::Cast if node.kind == Kind::Int => 1,
            Operation::Add | Operation::Subtract => of(0).saturating_add(of(1)),
            Operation::Multiply => of(0).saturating_mul(of(1)),
            Operation::Negate => of(0),
            Operation::Maximum | Operation::Minimum => of(0).max(of(1)),
            Operation::Where => of(1).max(of(2)),
            _ => ANY,
        };
        // What may be larger wraps.
        if node.kind == Kind::Int && known < ANY { known } else { ANY }
    }

    /// The `int32` that a `float64` was made from.
    fn integer_of(&mut self, id: Id) -> Option<Id> {
        let node = self.node(id);
        match node.operation {
            Operation::Cast => node.operands().first().copied().filter(|&from| self.kind(from) == Kind::Int),
            Operation::Pixel(place) if Kind::of(self.pixel_types[place]) == Kind::Int => {
                Some(self.intern(Node { kind: Kind::Int, ..node }))
            }
            Operation::Constant(bits) => {
                let whole = f64::from_bits(bits) as i32;
                let same = f64::from(whole).to_bits() == bits;
                same.then(|| self.constant(Kind::Int, u64::from(whole.cast_unsigned())))
            }
            _ => None,
        }
    }
}
