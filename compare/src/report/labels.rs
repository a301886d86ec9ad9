//! Labels beside what they name, moved apart where they would cover each other.

/// Places for labels of this height that want to be at `wanted`, in their order: none overlaps another or leaves the range, and
/// none is moved further than it has to be for that, as far as there is room.
#[must_use]
pub fn spread(wanted: &[f64], height: f64, range: [f64; 2]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|one, other| wanted[*one].total_cmp(&wanted[*other]));
    // Neighbours that touch become one block, which stands where its members want to be on average.
    let mut blocks: Vec<Block> = Vec::new();
    for index in order {
        blocks.push(Block { centre: wanted[index], members: vec![index] });
        blocks.iter_mut().for_each(|block| block.keep_inside(height, range));
        while let [.., above, below] = blocks.as_slice()
            && below.top(height) < above.bottom(height) - 1e-9
        {
            let below = blocks.pop().expect("there are two");
            let above = blocks.last_mut().expect("there were two");
            above.members.extend(below.members);
            let sum: f64 = above.members.iter().map(|member| wanted[*member]).sum();
            above.centre = sum / above.members.len() as f64;
            above.keep_inside(height, range);
        }
    }
    let mut places = vec![0.0; wanted.len()];
    for block in blocks {
        let first = block.top(height) + height / 2.0;
        for (at, member) in block.members.iter().enumerate() {
            places[*member] = first + at as f64 * height;
        }
    }
    places
}

struct Block {
    centre: f64,
    members: Vec<usize>,
}

impl Block {
    fn half(&self, height: f64) -> f64 {
        self.members.len() as f64 * height / 2.0
    }

    fn top(&self, height: f64) -> f64 {
        self.centre - self.half(height)
    }

    fn bottom(&self, height: f64) -> f64 {
        self.centre + self.half(height)
    }

    fn keep_inside(&mut self, height: f64, range: [f64; 2]) {
        let half = self.half(height);
        self.centre = self.centre.min(range[1] - half).max(range[0] + half);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_have_room_stay_where_they_are() {
        assert_eq!(spread(&[80.0, 20.0, 50.0], 12.0, [0.0, 100.0]), [80.0, 20.0, 50.0]);
    }

    #[test]
    fn labels_that_would_cover_each_other_are_moved_apart_and_keep_their_order() {
        let places = spread(&[50.0, 52.0, 49.0, 90.0], 12.0, [0.0, 100.0]);
        assert!(places[2] < places[0] && places[0] < places[1], "{places:?}");
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 12.0 - 1e-9), "{sorted:?}");
    }

    #[test]
    fn no_label_leaves_the_picture() {
        for places in
            [spread(&[0.0, 1.0, 2.0], 12.0, [0.0, 100.0]), spread(&[99.0, 100.0, 98.0], 12.0, [0.0, 100.0])]
        {
            assert!(places.iter().all(|place| (6.0..=94.0).contains(place)), "{places:?}");
        }
    }
}
