//! Harm schedules from files.

use isopleth_core::domain::{HarmSchedule, HarmScheduleError};

/// What is wrong with the file of a harm schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HarmFileError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error(
        "harm schedule: {0}; a schedule has id, version, source, unit and unknown_code (refuse or leave_out), and [[weight]] with terms or groups, sub_types, and value or low and high"
    )]
    Syntax(String),
    /// Lines that cannot be used or contradict each other.
    #[error(transparent)]
    Schedule(#[from] HarmScheduleError),
}

/// A schedule from the text of its file.
///
/// # Errors
/// [`HarmFileError`] if the text is no schedule, or its lines cannot be used.
pub fn harm_schedule_from_toml(text: &str) -> Result<HarmSchedule, HarmFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let schedule: HarmSchedule =
        toml::from_str(text).map_err(|e| HarmFileError::Syntax(e.to_string().trim().into()))?;
    schedule.check()?;
    Ok(schedule)
}

/// A schedule as the text of a file, which [`harm_schedule_from_toml`] reads back.
///
/// # Errors
/// What the TOML writer says of a schedule that cannot be written.
pub fn harm_schedule_to_toml(schedule: &HarmSchedule) -> Result<String, toml::ser::Error> {
    toml::to_string_pretty(schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "id='a'\nversion='1'\nsource='made up'\nunit='days'\n[[weight]]\ngroups=['burglary']\nvalue=20\n[[weight]]\nterms=['92A']\nlow=1\nhigh=547.5\n";

    #[test]
    fn a_schedule_is_written_as_it_is_read() {
        let schedule = harm_schedule_from_toml(GOOD).unwrap();
        let text = harm_schedule_to_toml(&schedule).unwrap();
        assert_eq!(harm_schedule_from_toml(&text).unwrap(), schedule);
    }

    #[test]
    fn a_file_that_is_none_says_why() {
        for (bad, words) in [
            ("id = 1", "id"),
            (&*GOOD.replace("unit='days'\n", ""), "unit"),
            (&*GOOD.replace("value=20", "value=20\nweight=3"), "weight"),
            (&*GOOD.replace("value=20", "value=nan"), "weight 1"),
            (
                &*GOOD.replace("high=547.5", "high=0.5"),
                "low \u{2264} high",
            ),
            (
                &*GOOD.replace("unit='days'", "unit='days'\nunknown_code='1'"),
                "unknown_code",
            ),
        ] {
            let error = harm_schedule_from_toml(bad).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
