//! Networks of comparisons that find one place in the order of a window, for all pixels of a row at once.
//!
//! The columns of a window are sorted and merged, two, then four, then eight of them, by Batcher's odd-even merges
//! (1968; Knuth 5.3.4), and the wanted place is read off the last lists. Each value of the network is a row of keys. A
//! value at another column is the same row, shifted: so neighbouring windows share the sorted columns and the merged
//! lists, and what the wanted place doesn't depend on is never computed.
//!
//! ```text
//! 5 x 5      columns x .. x + 4, each sorted (shared by 5 windows)
//!            pair(x) = merge of columns x, x + 1; pair(x + 2) is the same row, two to the right
//!            quad(x) = the middle of the merge of pair(x), pair(x + 2)
//!            median(x) = place 12 of quad(x) and column x + 4
//! ```

use std::collections::HashMap;

use swathe_core::Size;

use super::footprint::Footprint;

/// A row of the network, seen some columns further to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Value {
    node: usize,
    /// Of a comparison: the greater of the two.
    greater: bool,
    shift: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node {
    /// A row of the window, from the first.
    Row(usize),
    /// The lesser and the greater of two values, of which one has no shift.
    Compare(Value, Value),
}

/// The network as it grows. Equal nodes are one.
#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    known: HashMap<Node, usize>,
}

impl Builder {
    fn node(&mut self, node: Node) -> usize {
        let next = self.nodes.len();
        let index = *self.known.entry(node).or_insert(next);
        if index == next {
            self.nodes.push(node);
        }
        index
    }

    /// The lesser and the greater of two values.
    fn compare(&mut self, one: Value, other: Value) -> (Value, Value) {
        let shift = one.shift.min(other.shift);
        let back = |value: Value| Value { shift: value.shift - shift, ..value };
        let (one, other) = (back(one), back(other));
        let node = self.node(Node::Compare(one.min(other), one.max(other)));
        (Value { node, greater: false, shift }, Value { node, greater: true, shift })
    }

    fn sort(&mut self, values: &[Value]) -> Vec<Value> {
        if values.len() < 2 {
            return values.to_vec();
        }
        let (low, high) = values.split_at(values.len() / 2);
        let (low, high) = (self.sort(low), self.sort(high));
        self.merge(&low, &high)
    }

    /// Two sorted lists as one.
    fn merge(&mut self, one: &[Value], other: &[Value]) -> Vec<Value> {
        match (one, other) {
            ([], list) | (list, []) => return list.to_vec(),
            ([one], [other]) => {
                let (least, greatest) = self.compare(*one, *other);
                return vec![least, greatest];
            }
            _ => {}
        }
        let every_second = |list: &[Value], from: usize| -> Vec<Value> {
            list.iter().copied().skip(from).step_by(2).collect()
        };
        let evens = self.merge(&every_second(one, 0), &every_second(other, 0));
        let odds = self.merge(&every_second(one, 1), &every_second(other, 1));
        let mut merged = vec![evens[0]];
        let pairs = odds.len().min(evens.len() - 1);
        for index in 0..pairs {
            let (least, greatest) = self.compare(odds[index], evens[index + 1]);
            merged.extend([least, greatest]);
        }
        merged.extend(&odds[pairs..]);
        merged.extend(&evens[pairs + 1..]);
        merged
    }

    /// The value at `place` of two sorted lists together: the least of the greatest that `i` of the one and
    /// `place + 1 - i` of the other have.
    fn place_of(&mut self, place: usize, one: &[Value], other: &[Value]) -> Value {
        let wanted = place + 1;
        let candidates = (wanted.saturating_sub(other.len())..=wanted.min(one.len())).map(|count| {
            (count.checked_sub(1).map(|i| one[i]), (wanted - count).checked_sub(1).map(|i| other[i]))
        });
        let mut best = None;
        for candidate in candidates.collect::<Vec<_>>() {
            let greatest = match candidate {
                (Some(one), Some(other)) => self.compare(one, other).1,
                (Some(value), None) | (None, Some(value)) => value,
                (None, None) => continue,
            };
            best = Some(best.map_or(greatest, |best| self.compare(best, greatest).0));
        }
        best.unwrap_or(one[0])
    }

    /// The sorted columns of a footprint, empty ones left out.
    fn columns(&mut self, footprint: &Footprint) -> Vec<Vec<Value>> {
        let mut columns = vec![Vec::new(); footprint.hull.width];
        for run in &footprint.runs {
            let row = self.node(Node::Row(run.y));
            for (shift, column) in columns.iter_mut().enumerate().skip(run.x).take(run.length) {
                column.push(Value { node: row, greater: false, shift });
            }
        }
        columns.into_iter().filter(|column| !column.is_empty()).map(|column| self.sort(&column)).collect()
    }

    /// Lists of 1, 2, 4, 8 ... columns that together are all of them, each of a length at most once, the longest first.
    fn powers_of_two(&mut self, mut lists: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
        let mut left = Vec::new();
        while !lists.is_empty() {
            if lists.len() % 2 == 1 {
                left.extend(lists.pop());
            }
            lists = lists.chunks_exact(2).map(|pair| self.merge(&pair[0], &pair[1])).collect();
        }
        left.reverse();
        left
    }

    /// The value at `place` of several sorted lists together, joined from the last to the first.
    fn place_of_lists(&mut self, place: usize, lists: &[Vec<Value>]) -> Option<Value> {
        let (first, rest) = lists.split_first()?;
        let joined = rest.iter().rev().fold(Vec::new(), |joined, list| self.merge(&joined, list));
        Some(self.place_of(place, first, &joined))
    }

    /// The least, or the greatest, of the rows of a rectangle: a fold down the columns, then runs of 2, 4, 8 ... columns,
    /// the last two of which may overlap.
    fn extreme(&mut self, size: Size, greatest: bool) -> Value {
        let mut pick = |one, other| {
            let (least, most) = self.compare(one, other);
            if greatest { most } else { least }
        };
        let row = |node| Value { node, greater: false, shift: 0 };
        let (mut value, mut length) = ((1..size.height).fold(row(0), |value, y| pick(value, row(y))), 1);
        while length < size.width {
            let shift = length.min(size.width - length);
            value = pick(value, Value { shift, ..value });
            length += shift;
        }
        value
    }
}

/// A row of the program's memory, seen some columns further to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// Rows of the window come first, from the oldest.
    pub(crate) slot: usize,
    pub(crate) shift: usize,
}

/// One comparison of two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) one: Operand,
    pub(crate) other: Operand,
    /// Where the lesser of each pair goes.
    pub(crate) least: Option<usize>,
    /// Where the greater goes; at least one of the two is wanted.
    pub(crate) greatest: Option<usize>,
    /// Columns that are needed beyond those of the result.
    pub(crate) reach: usize,
}

/// A network in the order of its execution, in as few rows of memory as that takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    /// Rows of memory, those of the window included.
    pub(crate) slots: usize,
    /// Where the result is.
    pub(crate) result: Operand,
    /// Rows of keys that are written for a row of results: what it costs.
    pub(crate) cost: usize,
}

impl Program {
    /// The program that finds `place` of a footprint's values, the cheapest of several.
    pub(crate) fn for_place(footprint: &Footprint, place: usize) -> Option<Self> {
        let height = footprint.hull.height;
        if let Some(size) = footprint.as_rectangle().filter(|_| place == 0 || place + 1 == footprint.count) {
            let mut builder = Builder::default();
            for y in 0..height {
                builder.node(Node::Row(y));
            }
            let result = builder.extreme(size, place > 0);
            return Some(compile(&builder.nodes, result, height));
        }
        let orders: [fn(&mut [Vec<Value>]); 2] = [|_| (), <[_]>::reverse];
        let programs = orders.into_iter().filter_map(|order| {
            let mut builder = Builder::default();
            let columns = builder.columns(footprint);
            let mut lists = builder.powers_of_two(columns);
            order(&mut lists);
            let result = builder.place_of_lists(place, &lists)?;
            Some(compile(&builder.nodes, result, height))
        });
        programs.min_by_key(|program| program.cost)
    }
}

/// What the rest of a network wants of a node.
#[derive(Clone, Copy, Default)]
struct Use {
    /// The last node that reads its lesser and its greater value, where there is one.
    last: [Option<usize>; 2],
    /// Columns wanted beyond those of the result.
    reach: usize,
}

/// What the result wants of each node, those before it included.
fn uses(nodes: &[Node], result: Value) -> Vec<Use> {
    let mut uses = vec![Use::default(); nodes.len()];
    let mark = |uses: &mut [Use], value: Value, by: usize, reach: usize| {
        let operand = &mut uses[value.node];
        let last = &mut operand.last[usize::from(value.greater)];
        *last = (*last).max(Some(by));
        operand.reach = operand.reach.max(reach + value.shift);
    };
    mark(&mut uses, result, usize::MAX, 0);
    for (index, node) in nodes.iter().enumerate().rev() {
        if let Node::Compare(one, other) = *node
            && uses[index].last != [None; 2]
        {
            let reach = uses[index].reach;
            mark(&mut uses, one, index, reach);
            mark(&mut uses, other, index, reach);
        }
    }
    uses
}

fn compile(nodes: &[Node], result: Value, height: usize) -> Program {
    let uses = uses(nodes, result);
    let mut program =
        Program { steps: Vec::new(), slots: height, result: Operand { slot: 0, shift: 0 }, cost: 0 };
    let (mut places, mut free) = (vec![[0; 2]; nodes.len()], Vec::new());
    for (index, node) in nodes.iter().enumerate() {
        let (one, other) = match *node {
            Node::Row(row) => {
                places[index] = [row; 2];
                continue;
            }
            Node::Compare(one, other) => (one, other),
        };
        let mut take = |wanted: bool| {
            wanted.then(|| {
                program.cost += 1;
                free.pop().unwrap_or_else(|| {
                    program.slots += 1;
                    program.slots - 1
                })
            })
        };
        let [least, greatest] = uses[index].last.map(|last| take(last.is_some()));
        if (least, greatest) == (None, None) {
            continue;
        }
        places[index] = [least.unwrap_or_default(), greatest.unwrap_or_default()];
        let operand = |value: Value| Operand {
            slot: places[value.node][usize::from(value.greater)],
            shift: value.shift,
        };
        let (one_place, other_place) = (operand(one), operand(other));
        let reach = uses[index].reach;
        program.steps.push(Step { one: one_place, other: other_place, least, greatest, reach });
        for (value, place) in [(one, one_place), (other, other_place)] {
            let read_last = uses[value.node].last[usize::from(value.greater)] == Some(index);
            if place.slot >= height && read_last && !free.contains(&place.slot) {
                free.push(place.slot);
            }
        }
    }
    program.result = Operand { slot: places[result.node][usize::from(result.greater)], shift: result.shift };
    program
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Random;

    /// Runs a program for one pixel: memory rows hold as many values as the window is wide.
    fn run(program: &Program, window: &[Vec<u8>]) -> u8 {
        let width = window[0].len();
        let mut slots = vec![vec![0; width]; program.slots];
        slots[..window.len()].clone_from_slice(window);
        for step in &program.steps {
            for x in 0..=step.reach {
                let (one, other) =
                    (slots[step.one.slot][x + step.one.shift], slots[step.other.slot][x + step.other.shift]);
                step.least.into_iter().for_each(|slot| slots[slot][x] = one.min(other));
                step.greatest.into_iter().for_each(|slot| slots[slot][x] = one.max(other));
            }
        }
        slots[program.result.slot][program.result.shift]
    }

    /// What finds the right place for all windows of zeros and ones does so for all windows (Knuth 5.3.4); these are
    /// random ones of few values, many times.
    fn assert_finds_every_place(footprint: &Footprint, times: usize) {
        let mut random = Random(footprint.count as u64);
        let size = footprint.hull.size();
        for place in 0..footprint.count {
            let program = Program::for_place(footprint, place).unwrap();
            for time in 0..times {
                let distinct = 2 + time as u64 % 7;
                let window: Vec<Vec<u8>> = (0..size.height)
                    .map(|_| (0..size.width).map(|_| (random.next() % distinct) as u8).collect())
                    .collect();
                let mut values: Vec<u8> = footprint
                    .runs
                    .iter()
                    .flat_map(|run| window[run.y][run.x..][..run.length].to_vec())
                    .collect();
                values.sort_unstable();
                assert_eq!(run(&program, &window), values[place], "place {place} of {footprint:?}");
            }
        }
    }

    #[test]
    fn every_place_of_every_window_is_found() {
        for width in 1..=8 {
            for height in 1..=8 {
                assert_finds_every_place(&Footprint::rectangle(Size::new(width, height)), 12);
            }
        }
        assert_finds_every_place(&Footprint::rectangle(Size::new(11, 9)), 6);
    }

    #[test]
    fn neighbours_share_what_they_have_in_common() {
        let cost = |width, height, place| {
            Program::for_place(&Footprint::rectangle(Size::new(width, height)), place).unwrap().cost
        };
        assert_eq!(cost(16, 1, 0), 4);
        assert_eq!(cost(5, 5, 24), 4 + 3);
        // Rows written; sorting each window by itself would take 19 comparisons of 9 values, 99 of 25.
        assert!(cost(3, 3, 4) <= 22 && cost(5, 5, 12) <= 90);
    }
}
