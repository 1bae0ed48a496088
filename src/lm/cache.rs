//! Keys and values of tokens already computed, in blocks that requests share.
//!
//! A block holds [`BLOCK`] consecutive tokens of all layers. Blocks are reference counted and copied before the first write
//! when shared. Full blocks are found again by what led to them: (the block before, the 16 tokens) names a block exactly, so
//! two requests that begin alike share memory and work, and the next turn starts where the last ended. Blocks that nobody
//! uses stay until room is needed; the least recently used goes first, deeper ones before those they follow.
//!
//! Invariants: a block with an index key is full and never written; memory never passes the limit; nothing here knows what
//! tokens mean.

use super::float::to_half;
use std::collections::{BTreeSet, HashMap};

/// Tokens of a block.
pub const BLOCK: usize = 16;

/// A block's place in the pool.
pub type BlockId = usize;

/// The blocks of one sequence and how many tokens of it they hold.
#[derive(Debug, Default)]
pub struct Table {
    blocks: Vec<BlockId>,
    tokens: usize,
    root: u64,
}

impl Table {
    /// Tokens whose keys and values are computed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    #[must_use]
    pub fn blocks(&self) -> &[BlockId] {
        &self.blocks
    }
}

/// No block is free and none can be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What names a full block: what led to it, and its tokens.
type Key = (Before, [u32; BLOCK]);

/// What leads to a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Before {
    /// The beginning of a sequence computed with the weights that this number names.
    Root(u64),
    /// The block with this serial number.
    Block(u64),
}

struct Slot {
    /// Per layer: keys number by number, 16 tokens side by side; then values token by token. 16-bit floats.
    data: Vec<u16>,
    users: usize,
    key: Option<Key>,
    /// Unique among all blocks ever indexed; what the blocks after it refer to.
    serial: u64,
    /// When it was last given back.
    used: u64,
}

/// The pool of blocks.
pub struct Cache {
    kv_width: usize,
    block_numbers: usize,
    limit: usize,
    slots: Vec<Slot>,
    free: Vec<BlockId>,
    /// Unused blocks that can still be found, oldest first.
    idle: BTreeSet<(u64, BlockId)>,
    index: HashMap<Key, BlockId>,
    ticks: u64,
    serials: u64,
}

impl Cache {
    /// A pool for `layers` layers of `kv_width` keys and values each, of at most `bytes`.
    #[must_use]
    pub fn new(layers: usize, kv_width: usize, bytes: usize) -> Self {
        let block_numbers = layers * 2 * BLOCK * kv_width;
        Self {
            kv_width,
            block_numbers,
            limit: bytes / (block_numbers * size_of::<u16>()).max(1),
            slots: Vec::new(),
            free: Vec::new(),
            idle: BTreeSet::new(),
            index: HashMap::new(),
            ticks: 0,
            serials: 0,
        }
    }

    /// Tokens that fit in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.limit * BLOCK
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(|slot| slot.data.len()).sum::<usize>() * size_of::<u16>()
    }

    /// Blocks that could be had now.
    #[must_use]
    pub fn available(&self) -> usize {
        self.limit - self.slots.len() + self.free.len() + self.idle.len()
    }

    /// Tokens of `tokens` that are cached, in whole blocks; at least one token is left to compute. `root` names the weights the
    /// sequence is computed with: what adapters computed is of no use to others.
    #[must_use]
    pub fn matched(&self, root: u64, tokens: &[u32]) -> usize {
        self.walk(root, tokens).len() * BLOCK
    }

    /// Begins a sequence with what is cached of it.
    pub fn begin(&mut self, root: u64, tokens: &[u32]) -> Table {
        let blocks = self.walk(root, tokens);
        for &id in &blocks {
            self.take(id);
        }
        Table {
            tokens: blocks.len() * BLOCK,
            blocks,
            root,
        }
    }

    /// A second sequence with the same past; what either writes next, the other does not see.
    pub fn fork(&mut self, table: &Table) -> Table {
        for &id in &table.blocks {
            self.take(id);
        }
        Table {
            blocks: table.blocks.clone(),
            tokens: table.tokens,
            root: table.root,
        }
    }

    /// Makes room for the tokens up to position `until`: further blocks, and an own copy of a shared one about to be written.
    pub fn reserve(&mut self, table: &mut Table, until: usize) -> Result<(), Full> {
        let first = table.tokens / BLOCK;
        if let Some(&shared) = table.blocks.get(first)
            && until > table.tokens
            && self.slots[shared].users > 1
        {
            let own = self.allocate()?;
            let (from, to) = two(&mut self.slots, shared, own);
            to.data.copy_from_slice(&from.data);
            self.give_back(shared);
            table.blocks[first] = own;
        }
        while table.blocks.len() * BLOCK < until {
            let id = self.allocate()?;
            table.blocks.push(id);
        }
        Ok(())
    }

    /// Declares the tokens up to `until` computed; `tokens` is the sequence from its beginning. Blocks that became full can be
    /// found from now on; one that another sequence computed as well is replaced by that one.
    pub fn commit(&mut self, table: &mut Table, tokens: &[u32], until: usize) {
        for number in table.tokens / BLOCK..until / BLOCK {
            let before = match number.checked_sub(1) {
                Some(previous) => match self.slots[table.blocks[previous]].serial {
                    // A predecessor that could not be indexed breaks the chain.
                    0 => break,
                    serial => Before::Block(serial),
                },
                None => Before::Root(table.root),
            };
            let mut key = (before, [0; BLOCK]);
            key.1
                .copy_from_slice(&tokens[number * BLOCK..(number + 1) * BLOCK]);
            let own = table.blocks[number];
            match self.index.get(&key) {
                Some(&known) if known != own => {
                    self.take(known);
                    self.give_back(own);
                    table.blocks[number] = known;
                }
                Some(_) => {}
                None => {
                    self.serials += 1;
                    self.slots[own].serial = self.serials;
                    self.slots[own].key = Some(key);
                    self.index.insert(key, own);
                }
            }
        }
        table.tokens = until;
    }

    /// Ends a sequence; its full blocks stay findable while there is room.
    pub fn end(&mut self, table: Table) {
        // Deeper blocks first, so that they are older and go first.
        for &id in table.blocks.iter().rev() {
            self.give_back(id);
        }
    }

    /// Forgets everything that nobody uses.
    pub fn clear(&mut self) {
        while self.evict().is_some() {}
    }

    /// Writes one token's keys and values of one layer, each as the nearest finite 16-bit float. `table` must have been
    /// reserved up to `position`.
    pub fn write(
        &mut self,
        table: &Table,
        layer: usize,
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) {
        let width = self.kv_width;
        let slot = &mut self.slots[table.blocks[position / BLOCK]];
        debug_assert!(slot.users == 1 && slot.key.is_none());
        let token = position % BLOCK;
        let (all_keys, all_values) =
            slot.data[layer * 2 * BLOCK * width..][..2 * BLOCK * width].split_at_mut(BLOCK * width);
        for (lanes, &key) in all_keys.chunks_exact_mut(BLOCK).zip(keys) {
            lanes[token] = half(key);
        }
        for (place, &value) in all_values[token * width..].iter_mut().zip(values) {
            *place = half(value);
        }
    }

    /// Keys (`kv_width` rows of 16 tokens) and values (16 rows of `kv_width`) of one layer in one block.
    #[must_use]
    pub fn read(&self, block: BlockId, layer: usize) -> (&[u16], &[u16]) {
        let half = BLOCK * self.kv_width;
        let at = layer * 2 * half;
        let data = &self.slots[block].data;
        (&data[at..at + half], &data[at + half..at + 2 * half])
    }

    fn walk(&self, root: u64, tokens: &[u32]) -> Vec<BlockId> {
        let whole = tokens.len().saturating_sub(1) / BLOCK;
        let mut blocks = Vec::new();
        let mut before = Before::Root(root);
        for chunk in tokens.chunks_exact(BLOCK).take(whole) {
            let mut key = (before, [0; BLOCK]);
            key.1.copy_from_slice(chunk);
            let Some(&id) = self.index.get(&key) else {
                break;
            };
            before = Before::Block(self.slots[id].serial);
            blocks.push(id);
        }
        blocks
    }

    fn take(&mut self, id: BlockId) {
        let slot = &mut self.slots[id];
        if slot.users == 0 {
            self.idle.remove(&(slot.used, id));
        }
        slot.users += 1;
    }

    fn give_back(&mut self, id: BlockId) {
        self.ticks += 1;
        let slot = &mut self.slots[id];
        slot.users -= 1;
        if slot.users > 0 {
            return;
        }
        slot.used = self.ticks;
        if slot.key.is_some() {
            self.idle.insert((slot.used, id));
        } else {
            slot.serial = 0;
            self.free.push(id);
        }
    }

    fn allocate(&mut self) -> Result<BlockId, Full> {
        if self.free.is_empty() && self.slots.len() >= self.limit {
            self.evict().ok_or(Full)?;
        }
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.slots.push(Slot {
                    data: vec![0; self.block_numbers],
                    users: 0,
                    key: None,
                    serial: 0,
                    used: 0,
                });
                self.slots.len() - 1
            }
        };
        self.slots[id].users = 1;
        Ok(id)
    }

    /// Gives up the block that was not used for the longest time.
    fn evict(&mut self) -> Option<()> {
        let (_, id) = self.idle.pop_first()?;
        let slot = &mut self.slots[id];
        if let Some(key) = slot.key.take() {
            self.index.remove(&key);
        }
        slot.serial = 0;
        self.free.push(id);
        Some(())
    }
}

/// What is too large for 16 bits, or no number, must not reach others that read the same block.
fn half(value: f32) -> u16 {
    const LARGEST: f32 = 65504.0;
    to_half(if value.is_nan() {
        0.0
    } else {
        value.clamp(-LARGEST, LARGEST)
    })
}

/// Two different slots, the second for writing.
fn two(slots: &mut [Slot], from: BlockId, to: BlockId) -> (&Slot, &mut Slot) {
    debug_assert_ne!(from, to);
    if from < to {
        let (left, right) = slots.split_at_mut(to);
        (&left[from], &mut right[0])
    } else {
        let (left, right) = slots.split_at_mut(from);
        (&right[0], &mut left[to])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::float::from_half;

    const LAYERS: usize = 2;
    const WIDTH: usize = 4;

    fn cache(blocks: usize) -> Cache {
        Cache::new(LAYERS, WIDTH, blocks * LAYERS * 2 * BLOCK * WIDTH * 2)
    }

    /// Computes the tokens a table lacks: the numbers written are the token's own.
    fn fill(cache: &mut Cache, table: &mut Table, tokens: &[u32]) -> Result<(), Full> {
        cache.reserve(table, tokens.len())?;
        for (position, &token) in tokens.iter().enumerate().skip(table.len()) {
            let numbers = [f32::from(u16::try_from(token).unwrap()); WIDTH];
            for layer in 0..LAYERS {
                cache.write(table, layer, position, &numbers, &numbers);
            }
        }
        cache.commit(table, tokens, tokens.len());
        Ok(())
    }

    fn stored(cache: &Cache, table: &Table) -> Vec<f32> {
        (0..table.len())
            .map(|p| from_half(cache.read(table.blocks()[p / BLOCK], 1).0[p % BLOCK]))
            .collect()
    }

    fn numbers(tokens: &[u32]) -> Vec<f32> {
        tokens.iter().map(|&t| t as f32).collect()
    }

    #[test]
    fn a_fork_shares_until_one_writes() {
        let mut cache = cache(8);
        let mut tokens: Vec<u32> = (0..20).collect();
        let mut first = Table::default();
        fill(&mut cache, &mut first, &tokens).unwrap();
        let mut second = cache.fork(&first);
        assert_eq!(first.blocks(), second.blocks());
        assert_eq!(cache.available(), 6);
        let mut other = tokens.clone();
        tokens.push(100);
        other.push(200);
        fill(&mut cache, &mut first, &tokens).unwrap();
        fill(&mut cache, &mut second, &other).unwrap();
        assert_eq!(stored(&cache, &first), numbers(&tokens));
        assert_eq!(stored(&cache, &second), numbers(&other));
        assert_eq!(first.blocks()[0], second.blocks()[0]);
        assert_ne!(first.blocks()[1], second.blocks()[1]);
    }

    #[test]
    fn a_sequence_is_found_again_by_its_beginning_only() {
        let mut cache = cache(8);
        let tokens: Vec<u32> = (0..50).collect();
        let mut table = Table::default();
        fill(&mut cache, &mut table, &tokens).unwrap();
        cache.end(table);
        assert_eq!(cache.matched(0, &tokens), 48);
        assert_eq!(cache.matched(0, &tokens[..48]), 32, "one token is left");
        assert_eq!(cache.matched(0, &tokens[16..]), 0, "not from the middle");
        let mut changed = tokens.clone();
        changed[3] = 99;
        assert_eq!(cache.matched(0, &changed), 0);
        assert_eq!(cache.matched(7, &tokens), 0, "not with other weights");
        let again = cache.begin(0, &tokens);
        assert_eq!(stored(&cache, &again), numbers(&tokens[..48]));
    }

    #[test]
    fn the_same_work_done_twice_is_kept_once() {
        let mut cache = cache(8);
        let tokens: Vec<u32> = (0..32).collect();
        let (mut a, mut b) = (Table::default(), Table::default());
        fill(&mut cache, &mut a, &tokens).unwrap();
        fill(&mut cache, &mut b, &tokens).unwrap();
        assert_eq!(a.blocks(), b.blocks());
        assert_eq!(cache.available(), 6);
    }

    #[test]
    fn the_oldest_unused_goes_first_and_users_keep_theirs() {
        let mut cache = cache(4);
        let sequence = |from: u32| (from..from + 17).collect::<Vec<u32>>();
        let (mut old, mut new) = (Table::default(), Table::default());
        fill(&mut cache, &mut old, &sequence(0)).unwrap();
        fill(&mut cache, &mut new, &sequence(100)).unwrap();
        cache.end(old);
        cache.end(new);
        let mut third = Table::default();
        fill(&mut cache, &mut third, &(200..248).collect::<Vec<u32>>()).unwrap();
        assert_eq!(cache.matched(0, &sequence(0)), 0);
        assert_eq!(cache.matched(0, &sequence(100)), 16);
        let mut fourth = Table::default();
        assert_eq!(
            fill(&mut cache, &mut fourth, &(300..340).collect::<Vec<u32>>()),
            Err(Full)
        );
        assert_eq!(
            stored(&cache, &third),
            numbers(&(200..248).collect::<Vec<u32>>())
        );
        assert!(cache.bytes() <= 4 * LAYERS * 2 * BLOCK * WIDTH * 2);
        cache.end(fourth);
        cache.end(third);
        assert_eq!(cache.available(), 4);
    }
}
