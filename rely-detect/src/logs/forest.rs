//! Where templates are found again.
//!
//! A tree of fixed depth: number of tokens and the marks between them (both folded into one key, the
//! frame), then the templates with that frame, the oldest first. It follows He, Zhu, Zheng and Lyu,
//! "Drain: An Online Log Parsing Approach with Fixed Depth Tree" (ICWS 2017), but for two things. The
//! first words of a line lead nowhere here, so that a line may begin with a name. And words that
//! differ are not taken for a variable at once, but only when enough lines differ in them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rely_core::Instant;

use super::config::Rules;
use super::hash;
use super::scan::Token;
use super::template::{Template, TemplateId};

/// For keys that are hashes already, or counted up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash::combine(self.0, hash::of(bytes));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = hash::combine(0, value);
    }
}

/// What a line did to the templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    Known,
    New,
    /// Its template covers more than before, and took in so many others.
    Widened(u32),
}

#[derive(Clone, Debug)]
pub(super) struct Forest {
    places: Vec<Option<Template>>,
    /// Which line each place was last used by, to find the oldest in one pass over little memory.
    used: Vec<u64>,
    free: Vec<u32>,
    frames: HashMap<u64, Vec<u32>, BuildHasherDefault<Spread>>,
    memo: Vec<Memo>,
    /// Part of every key of `memo`; a new one empties it.
    epoch: u64,
    pub(super) next: u64,
    heap: usize,
}

/// The place of lines that were seen lately, word for word the same but for values.
#[derive(Clone, Copy, Debug)]
struct Memo {
    form: u64,
    id: TemplateId,
    place: u32,
}

const NOWHERE: Memo = Memo { form: 0, id: TemplateId(u64::MAX), place: u32::MAX };

impl Forest {
    pub(super) fn new(rules: &Rules) -> Self {
        let memo = (rules.max_templates * 4).next_power_of_two();
        Self {
            places: Vec::new(),
            used: Vec::new(),
            free: Vec::new(),
            frames: HashMap::default(),
            memo: vec![NOWHERE; memo],
            epoch: 0,
            next: 0,
            heap: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Template> {
        self.places.iter().flatten()
    }

    pub(super) fn get(&self, place: u32) -> Option<&Template> {
        self.places.get(place as usize)?.as_ref()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let lists: usize = self.frames.values().map(Vec::capacity).sum();
        // A key, a list and a byte of the table's own for each place of the map.
        let entry = size_of::<(u64, Vec<u32>)>() + 1;
        self.heap
            + self.places.capacity() * size_of::<Option<Template>>()
            + self.used.capacity() * size_of::<u64>()
            + (self.free.capacity() + lists) * size_of::<u32>()
            // Maps keep an eighth of their places empty, in a power of two.
            + (self.frames.capacity() * 8 / 7).next_power_of_two() * entry
            + self.memo.capacity() * size_of::<Memo>()
    }

    /// Finds or makes the place of a line, which counts from here on.
    pub(super) fn place(
        &mut self,
        rules: &Rules,
        at: Instant,
        line: &[u8],
        tokens: &[Token],
        merged: &mut impl FnMut(&Template, TemplateId),
    ) -> (u32, Placed) {
        let (mut form, mut frame) = (self.epoch, tokens.len() as u64);
        for token in tokens {
            form = hash::combine(form, token.key);
            frame = hash::combine(frame, if token.kind.is_frame() { token.key } else { 0 });
        }
        let slot = usize::try_from(form).unwrap_or(usize::MAX) & (self.memo.len() - 1);
        if let Some(memo) = self.memo.get(slot).filter(|memo| memo.form == form) {
            if self.get(memo.place).is_some_and(|template| template.id == memo.id) {
                return (memo.place, Placed::Known);
            }
        }
        let (place, placed) = self.search(rules, at, line, tokens, frame, merged);
        // A template that covers more may be the first to fit what was another's.
        if let Placed::Widened(_) = placed {
            self.epoch = self.epoch.wrapping_add(1);
        } else if let (Some(memo), Some(Some(template))) =
            (self.memo.get_mut(slot), self.places.get(place as usize))
        {
            *memo = Memo { form, id: template.id, place };
        }
        (place, placed)
    }

    fn search(
        &mut self,
        rules: &Rules,
        at: Instant,
        line: &[u8],
        tokens: &[Token],
        frame: u64,
        merged: &mut impl FnMut(&Template, TemplateId),
    ) -> (u32, Placed) {
        let siblings = self.frames.get(&frame).map_or(&[][..], Vec::as_slice);
        // The oldest that fits, so that it does not matter which lines were remembered.
        let fits = |place: &&u32| self.get(**place).is_some_and(|template| template.fits(tokens));
        if let Some(place) = siblings.iter().find(fits) {
            return (*place, Placed::Known);
        }
        // The most alike of those that differ in values alone, and those that differ in words.
        let mut values: Option<(u32, u32, u128)> = None;
        let mut alike: Vec<(u128, u32)> = Vec::new();
        for &place in siblings {
            let Some(template) = self.get(place) else { continue };
            let fit = template.fit(tokens);
            if fit.words == 0 {
                let better = values.is_none_or(|(same, _, _)| fit.same > same);
                if fit.same > 0 && better {
                    values = Some((fit.same, place, fit.differ));
                }
            } else if f64::from(fit.same)
                >= rules.similarity * f64::from(fit.same + fit.words + fit.wild)
            {
                alike.push((fit.differ, place));
            }
        }
        if let Some((_, place, differ)) = values {
            return (place, self.join(place, differ, &[], merged));
        }
        if let Some((differ, group)) = self.group(rules, tokens, &mut alike) {
            if let [place, others @ ..] = group.as_slice() {
                return (*place, self.join(*place, differ, others, merged));
            }
        }
        (self.plant(rules, at, line, tokens, frame), Placed::New)
    }

    /// The templates that differ from the line in the same few words, if they are enough to say that
    /// these words vary, the oldest first; and these words.
    fn group(
        &self,
        rules: &Rules,
        tokens: &[Token],
        alike: &mut [(u128, u32)],
    ) -> Option<(u128, Vec<u32>)> {
        // One more, the line itself.
        if alike.len() + 1 < rules.variants {
            return None;
        }
        let oldest = |place: &u32| self.get(*place).map(|template| template.id);
        let mut differs: Vec<u128> = alike.iter().map(|(differ, _)| *differ).collect();
        differs.sort_unstable_by_key(|differ| (differ.count_ones(), *differ));
        differs.dedup();
        for differ in differs {
            let within = alike.iter().filter(|(other, _)| other & !differ == 0);
            let mut group: Vec<u32> = within.map(|(_, place)| *place).collect();
            if group.len() + 1 < rules.variants {
                continue;
            }
            let wild = group.iter().filter_map(|place| self.get(*place));
            let wild = wild.fold(differ, |wild, template| wild | template.wild());
            let words = tokens.iter().enumerate().filter(|(_, token)| !token.kind.is_frame());
            let (mut kept, mut all) = (0.0, 0.0);
            for (n, token) in words {
                let varies = wild >> n & 1 == 1;
                let word = token.kind == super::scan::Kind::Word;
                kept += f64::from(u8::from(word && !varies));
                all += f64::from(u8::from(word || varies));
            }
            if kept >= rules.similarity * all {
                group.sort_unstable_by_key(oldest);
                return Some((differ, group));
            }
        }
        None
    }

    /// Lets a template cover what differs in `differ`, and take in `others`.
    fn join(
        &mut self,
        place: u32,
        differ: u128,
        others: &[u32],
        merged: &mut impl FnMut(&Template, TemplateId),
    ) -> Placed {
        let mut taken = 0;
        for &other in others {
            let Some(other) = self.remove(other) else { continue };
            if let Some(Some(template)) = self.places.get_mut(place as usize) {
                template.widen(differ | other.wild());
                template.count = template.count.saturating_add(other.count);
                template.first = template.first.min(other.first);
                template.last = template.last.max(other.last);
                merged(&other, template.id);
            }
            taken += 1;
        }
        if let Some(Some(template)) = self.places.get_mut(place as usize) {
            template.widen(differ);
        }
        Placed::Widened(taken)
    }

    fn plant(
        &mut self,
        rules: &Rules,
        at: Instant,
        line: &[u8],
        tokens: &[Token],
        frame: u64,
    ) -> u32 {
        let siblings = self.frames.get(&frame).map_or(&[][..], Vec::as_slice);
        if siblings.len() >= rules.max_siblings {
            let used = |place: &u32| self.used.get(*place as usize).copied();
            if let Some(oldest) = siblings.iter().copied().min_by_key(used) {
                self.remove(oldest);
            }
        } else if self.len() >= rules.max_templates {
            // A free place is marked as used last of all.
            let oldest = self.used.iter().enumerate().min_by_key(|(_, used)| **used);
            if let Some(place) = oldest.and_then(|(place, _)| u32::try_from(place).ok()) {
                self.remove(place);
            }
        }
        let id = TemplateId(self.next);
        self.next = self.next.saturating_add(1);
        self.insert(Template::new(id, frame, tokens, line, rules.max_text, at))
    }

    /// Puts in a template that is younger than all others of its frame.
    pub(super) fn insert(&mut self, template: Template) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.used.push(u64::MAX);
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        self.heap += template.heap_bytes();
        self.frames.entry(template.frame).or_default().push(place);
        if let Some(used) = self.used.get_mut(place as usize) {
            *used = template.used;
        }
        if let Some(free) = self.places.get_mut(place as usize) {
            *free = Some(template);
        }
        place
    }

    fn remove(&mut self, place: u32) -> Option<Template> {
        let template = self.places.get_mut(place as usize)?.take()?;
        self.heap -= template.heap_bytes();
        if let Some(used) = self.used.get_mut(place as usize) {
            *used = u64::MAX;
        }
        if let Some(siblings) = self.frames.get_mut(&template.frame) {
            siblings.retain(|sibling| *sibling != place);
            if siblings.is_empty() {
                self.frames.remove(&template.frame);
            }
        }
        self.free.push(place);
        Some(template)
    }

    /// Counts a line, the `n`th of all, and gives the template as it was before.
    pub(super) fn count(
        &mut self,
        place: u32,
        at: Instant,
        n: u64,
    ) -> Option<(&Template, u64, Instant)> {
        let used = self.used.get_mut(place as usize)?;
        let template = self.places.get_mut(place as usize)?.as_mut()?;
        let before = (template.count, template.last);
        (*used, template.used) = (n, n);
        template.count = template.count.saturating_add(1);
        template.last = template.last.max(at);
        Some((template, before.0, before.1))
    }
}
