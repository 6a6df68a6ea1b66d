//! Categories of a cell's history: pure functions of which steps were hot or cold, and of the trend.
//!
//! A category is a predicate of its own, and of a definition's predicates at most one holds for any
//! history. The published wordings overlap in places; what decides there is said at the predicate.

use serde::{Deserialize, Serialize};

/// What a step of a cell is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Significantly few incidents around.
    Cold,
    /// Neither.
    #[default]
    Neither,
    /// Significantly many incidents around.
    Hot,
}

/// What the values of a cell do over the steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trend {
    /// They fall, significantly.
    Down,
    /// Neither.
    #[default]
    None,
    /// They rise, significantly.
    Up,
}

impl Trend {
    /// The name in layers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::None => "none",
            Self::Up => "up",
        }
    }
}

/// Whose categories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Definition {
    /// Esri's, as ArcGIS Pro has them now.
    #[default]
    #[serde(rename = "esri_current")]
    EsriCurrent,
    /// Esri's, as ArcGIS Pro 2.8 had them.
    #[serde(rename = "esri_2_8")]
    Esri28,
    /// The four states of the R package sfhotspot.
    #[serde(rename = "sfhotspot")]
    Sfhotspot,
}

impl Definition {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EsriCurrent => "esri_current",
            Self::Esri28 => "esri_2_8",
            Self::Sfhotspot => "sfhotspot",
        }
    }

    /// Its categories, each with the predicate that says when a history is one.
    #[must_use]
    pub fn predicates(self) -> &'static [Predicate] {
        use Pattern::{
            Consecutive, Diminishing, Emerging, Former, Historical, Intensifying, Intermittent,
            New, Oscillating, Persistent, Sporadic,
        };
        match self {
            Self::EsriCurrent => &[
                (New, is_new),
                (Consecutive, is_consecutive),
                (Intensifying, is_intensifying),
                (Persistent, is_persistent),
                (Diminishing, is_diminishing),
                (Sporadic, is_sporadic),
                (Oscillating, is_oscillating),
                (Historical, is_historical),
            ],
            Self::Esri28 => &[
                (New, is_new),
                (Consecutive, is_consecutive),
                (Intensifying, is_intensifying),
                (Persistent, is_persistent),
                (Diminishing, is_diminishing),
                (Sporadic, was_sporadic),
                (Oscillating, is_oscillating),
                (Historical, is_historical),
            ],
            Self::Sfhotspot => &[
                (Persistent, is_usual),
                (Emerging, is_emerging),
                (Former, is_former),
                (Intermittent, is_intermittent),
            ],
        }
    }
}

/// What a cell's history is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// On in the final step and never before.
    New,
    /// One run of steps up to the final one.
    Consecutive,
    /// On in nearly all steps, and ever more so.
    Intensifying,
    /// On in nearly all steps.
    Persistent,
    /// On in nearly all steps, and ever less so.
    Diminishing,
    /// On and off.
    Sporadic,
    /// On now, and the opposite before.
    Oscillating,
    /// On in nearly all steps but not in the final one.
    Historical,
    /// On of late.
    Emerging,
    /// On, but not of late.
    Former,
    /// On now and then.
    Intermittent,
    /// A state of sfhotspot on both sides.
    Mixed,
}

impl Pattern {
    /// The name in layers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Consecutive => "consecutive",
            Self::Intensifying => "intensifying",
            Self::Persistent => "persistent",
            Self::Diminishing => "diminishing",
            Self::Sporadic => "sporadic",
            Self::Oscillating => "oscillating",
            Self::Historical => "historical",
            Self::Emerging => "emerging",
            Self::Former => "former",
            Self::Intermittent => "intermittent",
            Self::Mixed => "mixed",
        }
    }
}

/// A side of the null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Many incidents.
    Hot,
    /// Few incidents.
    Cold,
}

impl Side {
    /// The name in layers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Cold => "cold",
        }
    }
}

/// Which sides are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sides {
    /// Hot spots.
    #[default]
    Hot,
    /// Cold spots: the mirror image.
    Cold,
    /// Both.
    Both,
}

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Category {
    /// The pattern.
    pub pattern: Pattern,
    /// Of which side.
    pub side: Side,
}

impl Category {
    /// As people say it: `new hot spot`.
    #[must_use]
    pub fn words(self) -> String {
        match self.pattern {
            Pattern::Mixed => "mixed hot and cold spot".to_owned(),
            pattern => format!("{} {} spot", pattern.name(), self.side.name()),
        }
    }
}

/// A category and whether a history is of it.
pub type Predicate = (Pattern, fn(&History) -> bool);

/// What the predicates go by, seen from one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Steps.
    steps: usize,
    /// Steps that are on: hot when seen from the hot side.
    on: usize,
    /// Steps that are the opposite.
    opposite: usize,
    /// Steps of the run of on ones up to the final step.
    final_run: usize,
    /// The final fifth of the steps, rounded down, at least one, and those of them that are on.
    recent: (usize, usize),
    /// What the values do, seen from this side: up is more of it.
    trend: Trend,
}

impl History {
    /// The history of a cell as one side sees it.
    #[must_use]
    pub fn of(side: Side, states: &[State], trend: Trend) -> Self {
        let (on, opposite) = match side {
            Side::Hot => (State::Hot, State::Cold),
            Side::Cold => (State::Cold, State::Hot),
        };
        let count = |states: &[State], of: State| states.iter().filter(|s| **s == of).count();
        let recent = (states.len() / 5).max(1).min(states.len());
        Self {
            steps: states.len(),
            on: count(states, on),
            opposite: count(states, opposite),
            final_run: states.iter().rev().take_while(|s| **s == on).count(),
            recent: (recent, count(&states[states.len() - recent..], on)),
            trend: match (side, trend) {
                (Side::Hot, trend) => trend,
                (Side::Cold, Trend::Up) => Trend::Down,
                (Side::Cold, Trend::Down) => Trend::Up,
                (Side::Cold, Trend::None) => Trend::None,
            },
        }
    }

    /// On in the final step.
    fn on_now(&self) -> bool {
        self.final_run > 0
    }

    /// On in 90 % of the steps or more, and in more than the one step that makes a new one.
    fn nearly_always(&self) -> bool {
        self.on > 1 && 10 * self.on >= 9 * self.steps
    }

    /// On before the run up to the final step.
    fn before(&self) -> bool {
        self.on > self.final_run
    }

    /// Steps before the recent ones, and those of them that are on.
    fn older(&self) -> (usize, usize) {
        (self.steps - self.recent.0, self.on - self.recent.1)
    }
}

/// On in the final step and in no other.
fn is_new(h: &History) -> bool {
    h.on_now() && h.on == 1
}

/// All steps that are on make one run up to the final one, at least two and less than 90 %. The wording
/// of 2.8 says no number: a run of one step is a new one there, too. What was the opposite before is
/// consecutive all the same, and not oscillating: the run is all that there is.
fn is_consecutive(h: &History) -> bool {
    h.final_run > 1 && !h.before() && !h.nearly_always()
}

/// On in 90 % of the steps with the final one, and rising.
fn is_intensifying(h: &History) -> bool {
    h.nearly_always() && h.on_now() && h.trend == Trend::Up
}

/// On in 90 % of the steps with the final one, without trend. The wording does not ask for the final
/// step; without it the cell is historical, whatever the trend.
fn is_persistent(h: &History) -> bool {
    h.nearly_always() && h.on_now() && h.trend == Trend::None
}

/// On in 90 % of the steps with the final one, and falling.
fn is_diminishing(h: &History) -> bool {
    h.nearly_always() && h.on_now() && h.trend == Trend::Down
}

/// On in the final step and before the run that leads to it, in less than 90 %, never the opposite.
fn is_sporadic(h: &History) -> bool {
    h.on_now() && h.before() && !h.nearly_always() && h.opposite == 0
}

/// As 2.8 has it: on in less than 90 %, never the opposite, the final step being what it may; but not
/// one run up to it, which is new or consecutive.
fn was_sporadic(h: &History) -> bool {
    h.before() && !h.nearly_always() && h.opposite == 0
}

/// On in the final step and before the run that leads to it, in less than 90 %, and once the opposite.
fn is_oscillating(h: &History) -> bool {
    h.on_now() && h.before() && !h.nearly_always() && h.opposite > 0
}

/// On in 90 % of the steps, but not in the final one. "Not" is all it says: not that it was the
/// opposite, and not the sign of its value.
fn is_historical(h: &History) -> bool {
    h.nearly_always() && !h.on_now()
}

/// On in 80 % of the steps or more.
fn is_usual(h: &History) -> bool {
    h.steps > 0 && 10 * h.on >= 8 * h.steps
}

/// On in 10 % of the recent steps or more and in less than 10 % of those before.
fn is_emerging(h: &History) -> bool {
    let ((recent, on_of_late), (older, on_before)) = (h.recent, h.older());
    !is_usual(h) && 10 * on_of_late >= recent && 10 * on_before < older
}

/// On in 10 % of the steps before the recent ones or more, and in less than 10 % of the recent.
fn is_former(h: &History) -> bool {
    let ((recent, on_of_late), (older, on_before)) = (h.recent, h.older());
    !is_usual(h) && 10 * on_of_late < recent && on_before > 0 && 10 * on_before >= older
}

/// On in 10 % of the steps or more, and none of the others.
fn is_intermittent(h: &History) -> bool {
    !is_usual(h) && !is_emerging(h) && !is_former(h) && h.on > 0 && 10 * h.on >= h.steps
}

/// What a history is, as one side sees it; `None` for no pattern.
#[must_use]
pub fn pattern(
    definition: Definition,
    side: Side,
    states: &[State],
    trend: Trend,
) -> Option<Pattern> {
    let history = History::of(side, states, trend);
    let predicates = definition.predicates();
    let found = predicates.iter().find(|(_, holds)| holds(&history));
    found.map(|f| f.0)
}

/// What a cell is; `None` for no pattern. Where both sides are looked at and both have one, Esri's cell
/// is of the side that its final step is of; sfhotspot's is mixed.
#[must_use]
pub fn category(
    definition: Definition,
    sides: Sides,
    states: &[State],
    trend: Trend,
) -> Option<Category> {
    let of = |side| {
        let pattern = pattern(definition, side, states, trend)?;
        Some(Category { pattern, side })
    };
    match sides {
        Sides::Hot => of(Side::Hot),
        Sides::Cold => of(Side::Cold),
        Sides::Both => match (of(Side::Hot), of(Side::Cold)) {
            (Some(hot), Some(_)) if definition == Definition::Sfhotspot => Some(Category {
                pattern: Pattern::Mixed,
                ..hot
            }),
            (Some(_), Some(cold)) if states.last() == Some(&State::Cold) => Some(cold),
            (hot, cold) => hot.or(cold),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Cold as C, Hot as H, Neither as N};

    const TRENDS: [Trend; 3] = [Trend::Down, Trend::None, Trend::Up];
    const DEFINITIONS: [Definition; 3] = [
        Definition::EsriCurrent,
        Definition::Esri28,
        Definition::Sfhotspot,
    ];

    /// Every sequence of so many states.
    fn every(n: u32, mut look: impl FnMut(&[State])) {
        for code in 0..3_usize.pow(n) {
            let at = |i| [C, N, H][code / 3_usize.pow(i) % 3];
            look(&(0..n).map(at).collect::<Vec<_>>());
        }
    }

    /// Where a definition has no pattern, said in another way than by what is left.
    fn nothing(definition: Definition, states: &[State]) -> bool {
        let n = states.len();
        let hot: Vec<usize> = (0..n).filter(|&i| states[i] == H).collect();
        let ends_hot = states.last() == Some(&H);
        let mostly = hot.len() > 1 && hot.len() as f64 >= 0.9 * n as f64;
        match definition {
            // Whatever ends hot has a name, and so has what was nearly always hot.
            Definition::EsriCurrent => !ends_hot && !mostly,
            Definition::Esri28 => {
                let on_and_off = !hot.is_empty() && !states.contains(&C);
                !ends_hot && !mostly && !on_and_off
            }
            Definition::Sfhotspot => {
                let recent = if n < 5 { 1 } else { n / 5 };
                let late = hot.iter().filter(|&&i| i >= n - recent).count();
                let early = hot.len() - late;
                let a_tenth = |k: usize, of: usize| k > 0 && k as f64 >= 0.1 * of as f64;
                let one_part = a_tenth(late, recent) != a_tenth(early, n - recent);
                !one_part && !a_tenth(hot.len(), n)
            }
        }
    }

    /// Ten and eleven steps, too: with fewer, 90 % are all.
    #[test]
    fn every_history_has_one_category_or_none() {
        let mut seen = std::collections::BTreeSet::new();
        for n in (1..=8).chain([10, 11]) {
            every(n, |states| {
                for definition in DEFINITIONS {
                    for trend in TRENDS {
                        for side in [Side::Hot, Side::Cold] {
                            let history = History::of(side, states, trend);
                            let holds = definition.predicates().iter().filter(|p| (p.1)(&history));
                            let all: Vec<Pattern> = holds.map(|p| p.0).collect();
                            assert!(all.len() <= 1, "{definition:?} {states:?}: {all:?}");
                            let found = pattern(definition, side, states, trend);
                            assert_eq!(found, all.first().copied());
                            seen.extend(found.map(|f| (definition.name(), f)));
                        }
                        let found = pattern(definition, Side::Hot, states, trend);
                        assert_eq!(
                            found.is_none(),
                            nothing(definition, states),
                            "{definition:?} {states:?}: {found:?}"
                        );
                    }
                }
            });
        }
        assert_eq!(seen.len(), 8 + 8 + 4);
    }

    #[test]
    fn cold_is_the_mirror_of_hot() {
        for n in (1..=8).chain([10]) {
            every(n, |states| {
                let other = |s: &State| [H, N, C][*s as usize];
                let mirrored: Vec<State> = states.iter().map(other).collect();
                for definition in DEFINITIONS {
                    for (trend, turned) in TRENDS.into_iter().zip(TRENDS.into_iter().rev()) {
                        let hot = pattern(definition, Side::Hot, states, trend);
                        assert_eq!(hot, pattern(definition, Side::Cold, &mirrored, turned));
                        let both = category(definition, Sides::Both, states, trend);
                        let across = category(definition, Sides::Both, &mirrored, turned);
                        assert_eq!(both.map(|c| c.pattern), across.map(|c| c.pattern));
                        if let (Some(a), Some(b)) = (both, across) {
                            assert!(a.side != b.side || a.pattern == Pattern::Mixed);
                        }
                        let hot = category(definition, Sides::Hot, states, trend);
                        if states.last() == Some(&H) && definition != Definition::Sfhotspot {
                            assert_eq!(hot, both);
                        }
                    }
                }
            });
        }
    }

    #[test]
    fn where_the_definitions_differ() {
        // Only in histories that do not end hot, never were cold, and were hot at times.
        for n in (1..=8).chain([10]) {
            every(n, |states| {
                for trend in TRENDS {
                    let now = pattern(Definition::EsriCurrent, Side::Hot, states, trend);
                    let then = pattern(Definition::Esri28, Side::Hot, states, trend);
                    let on_and_off = states.last() != Some(&H)
                        && states.contains(&H)
                        && !states.contains(&C)
                        && now != Some(Pattern::Historical);
                    assert_eq!(now != then, on_and_off, "{states:?}");
                    if on_and_off {
                        assert_eq!((now, then), (None, Some(Pattern::Sporadic)));
                    }
                }
            });
        }
    }

    #[test]
    fn examples() {
        use Pattern::{
            Consecutive, Diminishing, Emerging, Former, Historical, Intensifying, Intermittent,
            New, Oscillating, Persistent, Sporadic,
        };
        let esri =
            |states: &[State], trend| pattern(Definition::EsriCurrent, Side::Hot, states, trend);
        let none = Trend::None;
        let nine_then = |last| [[H; 9].as_slice(), &[last]].concat();
        for (states, trend, expected) in [
            (vec![N, N, N, N, N, N, N, N, N, H], none, Some(New)),
            (vec![C, N, N, N, N, N, N, N, N, H], none, Some(New)),
            (vec![N, N, N, N, N, N, N, N, H, H], none, Some(Consecutive)),
            (
                vec![N, N, H, H, H, H, H, H, H, H],
                Trend::Up,
                Some(Consecutive),
            ),
            (
                vec![N, H, H, H, H, H, H, H, H, H],
                Trend::Up,
                Some(Intensifying),
            ),
            (vec![C, H, H, H, H, H, H, H, H, H], none, Some(Persistent)),
            (vec![H; 10], Trend::Down, Some(Diminishing)),
            (vec![N, H, N, N, N, N, N, N, N, H], none, Some(Sporadic)),
            (vec![C, H, N, N, N, N, N, N, N, H], none, Some(Oscillating)),
            (nine_then(N), none, Some(Historical)),
            (nine_then(C), Trend::Down, Some(Historical)),
            (vec![N, H, N, N, N, N, N, N, H, N], none, None),
        ] {
            assert_eq!(esri(&states, trend), expected, "{states:?}");
        }
        // What is left of nine cold steps and a hot one depends on the sides.
        let turned = [[C; 9].as_slice(), &[H]].concat();
        for (sides, pattern, side) in [
            (Sides::Hot, New, Side::Hot),
            (Sides::Cold, Historical, Side::Cold),
            (Sides::Both, New, Side::Hot),
        ] {
            let found = category(Definition::EsriCurrent, sides, &turned, none);
            assert_eq!(found, Some(Category { pattern, side }));
        }
        let state = |states: &[State]| pattern(Definition::Sfhotspot, Side::Hot, states, none);
        for (states, expected) in [
            (vec![N, N, H, H, H, H, H, H, H, H], Some(Persistent)),
            (vec![N, N, N, N, N, N, N, N, H, N], Some(Emerging)),
            (vec![N, H, N, N, N, N, N, N, N, N], Some(Former)),
            (vec![N, H, N, N, N, N, N, N, H, N], Some(Intermittent)),
            (vec![N; 10], None),
        ] {
            assert_eq!(state(&states), expected, "{states:?}");
        }
        let mixed = [C, C, C, N, N, N, N, N, H, H];
        let found = category(Definition::Sfhotspot, Sides::Both, &mixed, none).unwrap();
        assert_eq!(found.pattern, Pattern::Mixed);
        assert_eq!(found.words(), "mixed hot and cold spot");
    }
}
