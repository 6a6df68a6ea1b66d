//! What an incident is: where, when, what kind, and how far each of these can be trusted.

mod area;
mod counts;
mod harm;
mod hours;
mod incidents;
mod location;
mod policy;
mod terms;
mod time;

pub use area::{Area, Site, SiteClass, Street, is_station_class};
pub use counts::{
    Contradiction, CountArea, CountCategory, CountRow, CountTable, CountTableBuilder,
    CountTableError, Counts, InvalidMonth, Month, SeriesBreak,
};
pub use harm::{HarmRange, HarmSchedule, HarmScheduleError, HarmWeight, MAX_HARM, UnknownCode};
pub use hours::{
    Hours, InvalidHours, MINUTES_PER_WEEK, WeekHours, Weekday, minute_of_week, skipped_minutes,
};
pub use incidents::{
    IncidentRow, IncidentSet, IncidentSetBuilder, Kind, Location, LocationId, NO_PLACE,
    OPEN_DATA_SOURCE, Place,
};
pub use location::{InvalidLonLat, LocationBasis, LonLat};
pub use policy::{GroupDefinition, Lens, Policy, PolicyError, PolicyRule, Resolved};
pub use terms::{Day, DayClass, InvalidTerms, Term, Terms};
pub(crate) use terms::{Days, TermAligned};
pub(crate) use time::add_months;
pub use time::{
    CivilMinute, InvalidPeriod, MINUTES_PER_DAY, Period, Span, TimePrecision, civil_minute, day_of,
    format_day, format_minute, month_number, month_span, month_start,
};
