use std::collections::VecDeque;

/// The last cells of one series on a fixed grid of time; a cell is the mean of its samples.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// The number of the newest cell, counted from the clock's origin.
    newest: u64,
    cells: VecDeque<Cell>,
    length: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    mean: f64,
    samples: u64,
}

impl Grid {
    pub(super) fn new(length: usize) -> Self {
        Self { newest: 0, cells: VecDeque::with_capacity(length), length }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
    }

    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Takes in a value; one older than the grid is left out, one out of order finds its cell.
    pub(super) fn add(&mut self, cell: u64, value: f64) {
        if self.cells.is_empty() || cell.saturating_sub(self.newest) > self.length as u64 {
            self.cells.clear();
            self.cells.push_back(Cell::default());
            self.newest = cell;
        }
        while self.newest < cell {
            if self.cells.len() >= self.length {
                self.cells.pop_front();
            }
            self.cells.push_back(Cell::default());
            self.newest += 1;
        }
        let back = usize::try_from(self.newest - cell).unwrap_or(usize::MAX);
        let place = self.cells.len().checked_sub(back.saturating_add(1));
        if let Some(cell) = place.and_then(|place| self.cells.get_mut(place)) {
            cell.samples = cell.samples.saturating_add(1);
            cell.mean += (value - cell.mean) / cell.samples as f64;
        }
    }

    /// The cells up to `end`, as many as the grid is long, the newest last. Gaps of up to `bridge` cells
    /// are filled by a line between their ends; longer ones are not numbers.
    pub(super) fn series(&self, end: u64, bridge: usize) -> Vec<f64> {
        let value = |back: u64| {
            let back = usize::try_from(self.newest.saturating_add(back).checked_sub(end)?).ok()?;
            let place = self.cells.len().checked_sub(back.checked_add(1)?)?;
            self.cells.get(place).filter(|cell| cell.samples > 0).map(|cell| cell.mean)
        };
        let mut series: Vec<f64> =
            (0..self.length as u64).rev().map(|back| value(back).unwrap_or(f64::NAN)).collect();
        let mut last: Option<usize> = None;
        for place in 0..series.len() {
            if !series[place].is_finite() {
                continue;
            }
            if let Some(from) = last.filter(|from| (2..=bridge + 1).contains(&(place - from))) {
                let (start, slope) =
                    (series[from], (series[place] - series[from]) / (place - from) as f64);
                for (after, gap) in series[from + 1..place].iter_mut().enumerate() {
                    *gap = start + slope * (after + 1) as f64;
                }
            }
            last = Some(place);
        }
        series
    }
}
