//! What several methods have to say of the records that they counted.

use crate::words::some;

/// Of records that may have happened on more than one day.
pub(super) fn several_days(records: u64) -> String {
    let one = "record counts on the first of the several days on which it may have happened";
    let several = "records count on the first of the several days on which they may have happened";
    some(records, one, several)
}

/// Of records that stand where nothing happened.
pub(super) fn misplaced(records: u64) -> String {
    format!(
        "{} placed at a police station or the centre of an area, where distances mean nothing",
        some(records, "record is", "records are")
    )
}
