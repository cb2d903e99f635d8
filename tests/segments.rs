//! One forward, one Hebbian and one prune rule over two storages: the fabric's rows and packed blocks.

use bevy_ecs::change_detection::ContiguousMut;
use bevy_ecs::world::World;

use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};
use lehr::topology::{Rows, Segment, SegmentMut, Segments};

const LANES: usize = 64;

/// What a block feeds and how many of its lanes are in use.
#[derive(Component, Clone, Copy)]
struct BlockHead {
    target: u32,
    len: u32,
}

#[derive(Component, Clone, Copy)]
struct BlockSources([u32; LANES]);

#[derive(Component, Clone, Copy)]
struct BlockWeights([f32; LANES]);

/// Packed storage: one entity a block, borrowed as slices for one run of a rule.
struct Blocks<'a> {
    heads: &'a mut [BlockHead],
    sources: &'a mut [BlockSources],
    weights: &'a mut [BlockWeights],
}

impl Segments for Blocks<'_> {
    fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.heads.iter().zip(&*self.sources).zip(&*self.weights).enumerate().map(|(block, ((head, sources), weights))| {
            let n = head.len as usize;
            Segment { target: head.target, first: (block * LANES) as u32, sources: &sources.0[..n], weights: &weights.0[..n] }
        })
    }

    fn segments_mut(&mut self) -> impl Iterator<Item = SegmentMut<'_>> {
        self.heads.iter().zip(&*self.sources).zip(&mut *self.weights).enumerate().map(|(block, ((head, sources), weights))| {
            let n = head.len as usize;
            SegmentMut { target: head.target, first: (block * LANES) as u32, sources: &sources.0[..n], weights: &mut weights.0[..n] }
        })
    }
}

impl Blocks<'_> {
    /// Removes synapses, each by moving the last one of its block into its place.
    fn remove(&mut self, dead: &[u32]) {
        for &name in dead.iter().rev() {
            let (block, lane) = (name as usize / LANES, name as usize % LANES);
            self.heads[block].len -= 1;
            let last = self.heads[block].len as usize;
            self.sources[block].0[lane] = self.sources[block].0[last];
            self.weights[block].0[lane] = self.weights[block].0[last];
        }
    }
}

fn with_blocks<T>(world: &mut World, f: impl FnOnce(Blocks) -> T) -> T {
    let mut query = world.query::<(&mut BlockHead, &mut BlockSources, &mut BlockWeights)>();
    let (heads, sources, weights) = query.contiguous_iter_mut(world).unwrap().next().unwrap();
    f(Blocks {
        heads: ContiguousMut::bypass_change_detection_split(heads).0,
        sources: ContiguousMut::bypass_change_detection_split(sources).0,
        weights: ContiguousMut::bypass_change_detection_split(weights).0,
    })
}

fn with_rows<T>(sim: &mut Simulation, f: impl FnOnce(Rows) -> T) -> T {
    let sources = sim.synapses::<Source>("in->out").unwrap().to_vec();
    let fabric = sim.fabric();
    let offsets = fabric.projection(fabric.find_projection("in->out").unwrap()).offsets().to_vec();
    let weights = bytemuck::cast_slice_mut(sim.synapses_mut::<Weight>("in->out").unwrap());
    f(Rows { offsets: &offsets, sources: bytemuck::cast_slice(&sources), weights })
}

// The three rules know segments only. Inputs are small integers and weights multiples of 1/8, so
// that every sum is exact and the order of segments cannot matter.

fn forward(synapses: &impl Segments, inputs: &[f32], outputs: &mut [f32]) {
    outputs.fill(0.0);
    for s in synapses.segments() {
        outputs[s.target as usize] += s.sources.iter().zip(s.weights).map(|(&i, w)| w * inputs[i as usize]).sum::<f32>();
    }
}

fn learn_hebbian(synapses: &mut impl Segments, inputs: &[f32], outputs: &[f32]) {
    for s in synapses.segments_mut() {
        let output = outputs[s.target as usize];
        s.sources.iter().zip(s.weights).for_each(|(&i, w)| *w += 0.125 * (inputs[i as usize] * output).clamp(-2.0, 2.0).trunc());
    }
}

fn weak(synapses: &impl Segments) -> Vec<u32> {
    let is_weak = |w: f32| w.abs() < 0.5;
    synapses.segments().flat_map(|s| (s.first..).zip(s.weights).filter(move |(_, w)| is_weak(**w)).map(|(name, _)| name)).collect()
}

/// All synapses as (target, source, weight), sorted.
fn listed(synapses: &impl Segments) -> Vec<(u32, u32, f32)> {
    let mut list: Vec<_> =
        synapses.segments().flat_map(|s| s.sources.iter().zip(s.weights).map(move |(&i, &w)| (s.target, i, w))).collect();
    list.sort_by_key(|&(t, s, _)| (t, s));
    list
}

#[test]
fn rules_over_segments_run_on_packed_storage_too() {
    let (n_in, n_out) = (200_u32, 30_u32);
    let mut draw = StreamKey::new(Seed(4), SystemTag::named("segments"), 0).stream();
    let mut edges = Vec::new();
    for target in 0..n_out {
        for source in 0..n_in {
            // Fan-ins from none to three blocks, and one that fills its blocks exactly.
            if draw.below(n_out.into()) < target.into() || (target == 5 && source < 128) {
                edges.push((source, target, (draw.below(17) as f32 - 8.0) / 8.0));
            }
        }
    }

    let mut sim = Simulation::new(Seed(4));
    sim.build(Blueprint::new().population("in", n_in as usize).population("out", n_out as usize).projection("in", "out", edges.clone()))
        .unwrap();
    let mut packed = World::new();
    for target in 0..n_out {
        let onto: Vec<_> = edges.iter().filter(|e| e.1 == target).collect();
        for block in onto.chunks(LANES) {
            let (mut sources, mut weights) = (BlockSources([0; LANES]), BlockWeights([0.0; LANES]));
            for (lane, edge) in block.iter().enumerate() {
                (sources.0[lane], weights.0[lane]) = (edge.0, edge.2);
            }
            packed.spawn((BlockHead { target, len: block.len() as u32 }, sources, weights));
        }
    }

    let mut n_pruned = 0;
    for _ in 0..5 {
        let inputs: Vec<f32> = (0..n_in).map(|_| draw.below(3) as f32 - 1.0).collect();
        let mut outputs = [vec![0.0; n_out as usize], vec![0.0; n_out as usize]];
        let rows = with_rows(&mut sim, |mut rows| {
            forward(&rows, &inputs, &mut outputs[0]);
            learn_hebbian(&mut rows, &inputs, &outputs[0]);
            (listed(&rows), weak(&rows))
        });
        let blocks = with_blocks(&mut packed, |mut blocks| {
            forward(&blocks, &inputs, &mut outputs[1]);
            learn_hebbian(&mut blocks, &inputs, &outputs[1]);
            (listed(&blocks), weak(&blocks))
        });
        assert_eq!(outputs[0], outputs[1]);
        assert_eq!(rows.0, blocks.0);
        assert_eq!(rows.1.len(), blocks.1.len());
        n_pruned += rows.1.len();
        let names = blocks.1;

        // Each storage removes its synapses in its own way.
        sim.world().resource::<Deaths>().synapses(ProjectionIdx(0), rows.1);
        sim.step().unwrap();
        with_blocks(&mut packed, |mut blocks| blocks.remove(&names));
        assert_eq!(with_rows(&mut sim, |rows| listed(&rows)), with_blocks(&mut packed, |blocks| listed(&blocks)));
    }
    assert!(n_pruned > 100, "{n_pruned} synapses were pruned");
}
