//! Policy tables from files.

use isopleth_core::domain::{Policy, PolicyError};

const DEFAULT: &str = include_str!("../policies/offences-en-1.toml");

/// What is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error(
        "policy file: {0}; a table has id, version and source, [[group]] with id, title, lens and activity, and [[rule]] with terms, sub_types, sources, group, sub_type and lens"
    )]
    Syntax(String),
    /// Rules that do not hold together.
    #[error(transparent)]
    Rules(#[from] PolicyError),
}

/// The table that is built in: `offences-en`, version 1. It knows the categories of data.police.uk
/// and of the London Datastore and the offence codes of the Home Office.
///
/// # Panics
/// Never: the table is tested.
#[must_use]
pub fn default_policy() -> Policy {
    policy_from_toml(DEFAULT).expect("the built-in policy is tested")
}

/// A table as the text of a file, which [`policy_from_toml`] reads back.
///
/// # Errors
/// What the TOML writer says of a table that cannot be written.
pub fn policy_to_toml(policy: &Policy) -> Result<String, toml::ser::Error> {
    toml::to_string_pretty(policy)
}

/// A table from the text of its file.
///
/// # Errors
/// [`PolicyFileError`] if the text is no table, or its rules name unknown groups or contradict each
/// other.
pub fn policy_from_toml(text: &str) -> Result<Policy, PolicyFileError> {
    let policy: Policy =
        toml::from_str(text).map_err(|e| PolicyFileError::Syntax(e.to_string().trim().into()))?;
    policy.check()?;
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use isopleth_core::domain::Lens;

    use super::*;

    #[test]
    fn a_table_is_written_as_it_is_read() {
        let text = policy_to_toml(&default_policy()).unwrap();
        assert_eq!(policy_from_toml(&text).unwrap(), default_policy());
    }

    fn of(term: &str, sub_type: &str, source: &str) -> (String, String, Lens) {
        let r = default_policy().resolve(term, sub_type, source);
        (
            r.group.unwrap_or_default(),
            r.sub_type.unwrap_or_default(),
            r.lens,
        )
    }

    #[test]
    fn knows_every_category_of_police_uk_and_of_london() {
        let expected = [
            ("Anti-social behaviour", "asb"),
            ("Bicycle theft", "bicycle_theft"),
            ("Burglary", "burglary"),
            ("Criminal damage and arson", "criminal_damage"),
            ("Drugs", "drugs"),
            ("Other crime", "other_crime"),
            ("Other theft", "other_theft"),
            ("Possession of weapons", "weapons"),
            ("Public order", "public_order"),
            ("Robbery", "robbery"),
            ("Shoplifting", "shoplifting"),
            ("Theft from the person", "theft_person"),
            ("Vehicle crime", "vehicle_crime"),
            ("Violence and sexual offences", "violence_and_sexual"),
            ("Violent crime", "violence_and_sexual"),
            ("Public disorder and weapons", "public_order"),
            ("violent or sexual", "violence_and_sexual"),
            ("weapon possession", "weapons"),
            ("theft from person", "theft_person"),
            ("bicycle theft", "bicycle_theft"),
            ("criminal damage or arson", "criminal_damage"),
            ("other theft", "other_theft"),
            ("other", "other_crime"),
            ("Stop and search", "stop_and_search"),
        ];
        for (term, group) in expected {
            let (found, _, lens) = of(term, "", "");
            assert_eq!(found, group, "{term}");
            let searched = ["drugs", "weapons", "stop_and_search"].contains(&group);
            assert_eq!(lens == Lens::PoliceGenerated, searched, "{term}");
        }
    }

    #[test]
    fn knows_the_codes_of_the_home_office() {
        for (code, group, sub_type) in [
            ("92A", "drugs", "supply"),
            ("92D", "drugs", "possession"),
            ("92e", "drugs", "possession"),
            ("92C", "drugs", "other"),
            ("10D", "weapons", "possession"),
            ("8N", "violence", "with_injury"),
            ("5D", "violence", "with_injury"),
            ("105A", "violence", "without_injury"),
            ("104", "violence", "without_injury"),
            ("8L", "violence", "stalking_and_harassment"),
            ("8Q", "violence", "stalking_and_harassment"),
            ("19C", "sexual", "rape"),
            ("34A", "robbery", "business"),
            ("34B", "robbery", "personal"),
            ("28E", "burglary", "residential"),
            ("30C", "burglary", "business_and_community"),
            ("39", "theft_person", ""),
            ("45", "vehicle_crime", "theft_from"),
            ("48", "vehicle_crime", "theft_of"),
            ("9A", "public_order", ""),
            ("62A", "public_order", ""),
            ("66", "public_order", ""),
        ] {
            let (g, s, _) = of(code, "", "");
            assert_eq!((g.as_str(), s.as_str()), (group, sub_type), "{code}");
        }
    }

    #[test]
    fn the_police_service_of_london_parts_possession_from_supply() {
        assert_eq!(
            of("DRUG OFFENCES", "POSSESSION OF DRUGS", "").1,
            "possession"
        );
        assert_eq!(of("DRUG OFFENCES", "TRAFFICKING OF DRUGS", "").1, "supply");
        assert_eq!(of("Possession of Drugs", "", "").1, "possession");
        assert_eq!(of("Drug Trafficking", "", "").1, "supply");
        assert_eq!(of("Drugs", "", "").1, "", "data.police.uk cannot say");
    }

    #[test]
    fn a_call_about_drugs_is_reported() {
        assert_eq!(of("Drugs", "", "101 call").2, Lens::Reported);
        assert_eq!(of("92E", "Possession", "Council report").2, Lens::Reported);
        assert_eq!(of("Drugs", "Supply", "Crimestoppers").2, Lens::Reported);
        assert_eq!(
            of("92E", "Possession", "Stop and search").2,
            Lens::PoliceGenerated
        );
        assert_eq!(
            of("92E", "Possession", "Crime report").2,
            Lens::PoliceGenerated
        );
    }

    #[test]
    fn search_is_activity_and_nothing_else_is() {
        let activity: Vec<String> = default_policy()
            .groups
            .into_iter()
            .filter(|g| g.activity)
            .map(|g| g.id)
            .collect();
        assert_eq!(activity, ["stop_and_search"]);
    }

    #[test]
    fn a_table_that_is_none_says_why() {
        let error = policy_from_toml("id = 1").unwrap_err().to_string();
        assert!(error.contains("id"), "{error}");
        let unknown = "id='a'\nversion='1'\n[[group]]\nid='x'\ntitle='X'\nlens='reported'\n[[rule]]\nterms=['a']\ngroup='y'";
        assert!(matches!(
            policy_from_toml(unknown),
            Err(PolicyFileError::Rules(_))
        ));
    }
}
