//! Which columns are about persons.
//!
//! A mapping that names such a column is refused. This is a net for slips, not a proof: what makes
//! sure is that nothing is read that is not named.

/// Words that make a column a person's, whatever else its name says.
const PERSON_WORDS: [&str; 61] = [
    "accused",
    "age",
    "alias",
    "arrestee",
    "birth",
    "birthdate",
    "birthday",
    "born",
    "caller",
    "complainant",
    "cro",
    "dateofbirth",
    "defendant",
    "detainee",
    "disability",
    "dob",
    "driver",
    "email",
    "ethnic",
    "ethnicity",
    "faith",
    "firstname",
    "forename",
    "forenames",
    "fullname",
    "gender",
    "informant",
    "initials",
    "iplnominal",
    "lastname",
    "maiden",
    "middlename",
    "mobile",
    "nationality",
    "nhs",
    "nickname",
    "nin",
    "nino",
    "nominal",
    "nominals",
    "occupation",
    "offender",
    "offenders",
    "passport",
    "person",
    "persons",
    "phone",
    "pnc",
    "pncid",
    "race",
    "religion",
    "reporter",
    "reportee",
    "sex",
    "sexuality",
    "surname",
    "suspect",
    "suspects",
    "telephone",
    "victim",
    "witness",
];

/// Words that, together with `name`, still speak of a person.
const NAME_WORDS: [&str; 9] = [
    "name", "names", "first", "last", "full", "family", "given", "middle", "known",
];

/// The word of a column name that speaks of a person.
pub(crate) fn person_word(column: &str) -> Option<String> {
    let words = words(column);
    if let Some(word) = words.iter().find(|w| is_person(w)) {
        return Some(word.clone());
    }
    let named = words.iter().any(|w| w == "name" || w == "names");
    (named && words.iter().all(|w| NAME_WORDS.contains(&w.as_str()))).then(|| "name".to_owned())
}

fn is_person(word: &str) -> bool {
    PERSON_WORDS.contains(&word)
        || word
            .strip_suffix('s')
            .is_some_and(|w| w.len() > 3 && PERSON_WORDS.contains(&w))
}

/// Lower-case words of a name, parted by signs, digits and inner capitals: `VictimDOB_1` is
/// `victim`, `dob`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphabetic() {
            words.push(String::new());
            lower_before = false;
            continue;
        }
        if c.is_uppercase() && lower_before {
            words.push(String::new());
        }
        lower_before = c.is_lowercase();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::person_word;

    #[test]
    fn persons_are_told_from_places() {
        for column in [
            "Victim name",
            "Victim DOB",
            "VictimDOB",
            "Suspect ethnicity",
            "Gender",
            "Age range",
            "Self-defined ethnicity",
            "Officer-defined ethnicity",
            "date_of_birth",
            "Name",
            "last name",
            "Nominal ID",
            "victims",
            "PNC ID",
            "Complainant address",
        ] {
            assert!(person_word(column).is_some(), "{column}");
        }
        for column in [
            "LSOA name",
            "Street name",
            "ward_name",
            "Offence",
            "Object of search",
            "Address",
            "Type",
            "Agency",
            "Sexual offence type",
            "month",
            "Crime ID",
            "location_type",
            "UPRN",
            "Reported by",
            "Falls within",
            "Record source",
        ] {
            assert_eq!(person_word(column), None, "{column}");
        }
    }
}
