//! The one decision of who may do what: every route asks here, and nowhere else.
//!
//! Invariant: a function of values, and one table. What no row allows is refused.

use std::collections::HashMap;

use crate::role::Role;
use crate::share_link::Share;
use crate::site::{Site, Visibility};
use crate::token::{Grant, Scope};
use crate::user::User;

/// Who asks.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Nobody that we know.
    Stranger,
    /// Somebody who has signed in.
    Person(Person),
    /// A program with a token.
    Token(Grant),
    /// Somebody who has opened a link.
    Guest(Share),
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub user: User,
    /// The number of the session.
    pub session: u64,
    /// What they are on which site, owners apart.
    pub roles: HashMap<u32, Role>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read reports of a site.
    ReadReports,
    /// Read every single event of a site.
    ExportEvents,
    /// Read what is set and defined for a site.
    ReadDefinitions,
    /// Define goals, funnels, segments and annotations of a site.
    Define,
    /// Change a site's settings and domain, and remove it.
    ChangeSite,
    /// Make, list and remove links that share a site's reports.
    ChangeLinks,
    /// See and change who has which role on a site.
    ChangeMembers,
    /// Make, list and revoke tokens of a site; of all sites, on the installation.
    ChangeTokens,
    /// Add a site.
    AddSite,
    /// Invite people and remove them.
    ChangeUsers,
    /// See and change one's own account.
    OwnAccount,
}

/// What it is to be done to.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// One site.
    Site(&'a Site),
    /// Everything.
    Installation,
}

/// Whether it may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// It may as anybody may, or who has a link: what is answered has to be fit for all.
    AllowedAsPublic,
    /// It may not, and it is not to be told whether the site exists.
    Hidden,
    /// It may not.
    Refused,
}

/// What allows an action.
struct Rule {
    action: Action,
    /// The least that a person must be.
    least: Least,
    /// The scopes of which a token must have one.
    scopes: &'static [Scope],
}

/// The least that a person must be.
#[derive(Clone, Copy)]
enum Least {
    /// Anybody with an account.
    Person,
    /// This role on the site; for the installation, an owner.
    Role(Role),
}

/// Every action: adding one is a variant and a row here.
const RULES: &[Rule] = &[
    Rule { action: Action::ReadReports, least: Least::Role(Role::Viewer), scopes: &[Scope::StatsRead] },
    Rule { action: Action::ExportEvents, least: Least::Role(Role::Admin), scopes: &[Scope::EventsRead] },
    Rule {
        action: Action::ReadDefinitions,
        least: Least::Role(Role::Viewer),
        scopes: &[Scope::StatsRead, Scope::SitesProvision],
    },
    Rule { action: Action::Define, least: Least::Role(Role::Analyst), scopes: &[Scope::SitesProvision] },
    Rule { action: Action::ChangeSite, least: Least::Role(Role::Admin), scopes: &[Scope::SitesProvision] },
    Rule { action: Action::ChangeLinks, least: Least::Role(Role::Admin), scopes: &[Scope::SitesProvision] },
    Rule { action: Action::ChangeMembers, least: Least::Role(Role::Admin), scopes: &[] },
    Rule { action: Action::ChangeTokens, least: Least::Role(Role::Admin), scopes: &[] },
    Rule { action: Action::AddSite, least: Least::Role(Role::Owner), scopes: &[Scope::SitesProvision] },
    Rule { action: Action::ChangeUsers, least: Least::Role(Role::Owner), scopes: &[] },
    Rule { action: Action::OwnAccount, least: Least::Person, scopes: &[] },
];

/// Whether `actor` may do `action` to `subject`.
pub fn decide(actor: &Actor, action: Action, subject: Subject<'_>) -> Decision {
    let Some(rule) = RULES.iter().find(|rule| rule.action == action) else { return Decision::Refused };
    let own = match actor {
        Actor::Stranger => Decision::Hidden,
        Actor::Person(person) => person.is_allowed(rule, subject),
        Actor::Token(grant) => grant.is_allowed(rule, subject),
        Actor::Guest(share) => share.is_allowed(action, subject),
    };
    match own {
        Decision::Hidden | Decision::Refused if is_public(action, subject) => Decision::AllowedAsPublic,
        own => own,
    }
}

/// Reports of a site that its people have opened to all.
fn is_public(action: Action, subject: Subject<'_>) -> bool {
    let site = match subject {
        Subject::Site(site) => site,
        Subject::Installation => return false,
    };
    action == Action::ReadReports && site.visibility == Visibility::Public
}

impl Person {
    /// What they are on a site, if anything.
    pub fn role(&self, site: &Site) -> Option<Role> {
        if self.user.is_owner { Some(Role::Owner) } else { self.roles.get(&site.id).copied() }
    }

    fn is_allowed(&self, rule: &Rule, subject: Subject<'_>) -> Decision {
        let role = match subject {
            Subject::Installation => self.user.is_owner.then_some(Role::Owner),
            Subject::Site(site) => match self.role(site) {
                None => return Decision::Hidden,
                role => role,
            },
        };
        let enough = match rule.least {
            Least::Person => true,
            Least::Role(least) => role.is_some_and(|role| {
                // Nobody but an owner is anything on the installation.
                role >= least
            }),
        };
        if enough { Decision::Allowed } else { Decision::Refused }
    }
}

impl Share {
    fn is_allowed(self, action: Action, subject: Subject<'_>) -> Decision {
        match subject {
            Subject::Site(site) if site.id == self.site_id && action == Action::ReadReports => {
                Decision::AllowedAsPublic
            }
            Subject::Site(site) if site.id == self.site_id => Decision::Refused,
            Subject::Site(_) => Decision::Hidden,
            Subject::Installation => Decision::Refused,
        }
    }
}

impl Grant {
    fn is_allowed(self, rule: &Rule, subject: Subject<'_>) -> Decision {
        let reaches = match (self.site_id, subject) {
            (None, _) => true,
            (Some(_), Subject::Installation) => return Decision::Refused,
            (Some(only), Subject::Site(site)) => only == site.id,
        };
        match (rule.scopes.contains(&self.scope), reaches) {
            (false, _) => Decision::Refused,
            (true, false) => Decision::Hidden,
            (true, true) => Decision::Allowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{control_with_site, member};

    /// Who may do what on their own site: a letter for each of viewer, analyst, admin, owner, and for tokens that read
    /// reports, provision, and export; those that send events may do nothing here.
    const EXPECTED: &[(Action, &str)] = &[
        (Action::ReadReports, "vamo r--"),
        (Action::ExportEvents, "--mo --e"),
        (Action::ReadDefinitions, "vamo rp-"),
        (Action::Define, "-amo -p-"),
        (Action::ChangeSite, "--mo -p-"),
        (Action::ChangeLinks, "--mo -p-"),
        (Action::ChangeMembers, "--mo ---"),
        (Action::ChangeTokens, "--mo ---"),
        (Action::AddSite, "---o -p-"),
        (Action::ChangeUsers, "---o ---"),
        (Action::OwnAccount, "vamo ---"),
    ];

    #[test]
    fn each_role_and_scope_may_do_what_the_table_says_and_only_on_its_site() {
        let (_ground, control, site) = control_with_site();
        let other = control.add_site("b.example", "UTC", jiff::Timestamp::UNIX_EPOCH).expect("added");
        let user = member(&control, "ada@example.com");
        let person = |role: Role| {
            let user = User { is_owner: role == Role::Owner, ..user.clone() };
            Actor::Person(Person { user, session: 1, roles: HashMap::from([(site.id, role)]) })
        };
        let token = |scope| Actor::Token(Grant { scope, site_id: Some(site.id) });
        let actors = [
            ('v', person(Role::Viewer)),
            ('a', person(Role::Analyst)),
            ('m', person(Role::Admin)),
            ('o', person(Role::Owner)),
            ('r', token(Scope::StatsRead)),
            ('p', token(Scope::SitesProvision)),
            ('e', token(Scope::EventsRead)),
            // Who sends events reads and changes nothing.
            ('w', token(Scope::EventsWrite)),
        ];
        assert_eq!(EXPECTED.len(), RULES.len());
        for (action, expected) in EXPECTED {
            for (letter, actor) in &actors {
                let decision = decide(actor, *action, Subject::Site(&site));
                let allowed = decision == Decision::Allowed;
                assert_eq!(allowed, expected.contains(*letter), "{letter} {action:?}");
                let elsewhere = decide(actor, *action, Subject::Site(&other));
                assert_eq!(elsewhere == Decision::Allowed, *letter == 'o', "{letter} {action:?} elsewhere");
                assert!(*letter == 'o' || !allowed || elsewhere == Decision::Hidden);
                let everywhere = decide(actor, *action, Subject::Installation);
                let own = *action == Action::OwnAccount && !"rpew".contains(*letter);
                assert_eq!(everywhere == Decision::Allowed, *letter == 'o' || own, "{letter} {action:?}");
            }
            assert_eq!(decide(&Actor::Stranger, *action, Subject::Site(&site)), Decision::Hidden);
        }
        let anywhere = Actor::Token(Grant { scope: Scope::SitesProvision, site_id: None });
        assert_eq!(decide(&anywhere, Action::AddSite, Subject::Installation), Decision::Allowed);
        assert_eq!(decide(&anywhere, Action::ChangeUsers, Subject::Installation), Decision::Refused);
    }

    #[test]
    fn a_link_and_an_open_site_show_reports_as_the_public_sees_them_and_nothing_else() {
        let (_ground, control, site) = control_with_site();
        let other = control.add_site("b.example", "UTC", jiff::Timestamp::UNIX_EPOCH).expect("added");
        let open = [(crate::Setting::Visibility, "public".to_owned())];
        let open = control.set_site("b.example", &open).expect("opened");
        let guest = Actor::Guest(Share { site_id: site.id, segment_id: None });
        let of_one = Actor::Token(Grant { scope: Scope::StatsRead, site_id: Some(site.id) });
        for rule in RULES {
            let as_public = |actor: &Actor, site| {
                decide(actor, rule.action, Subject::Site(site)) == Decision::AllowedAsPublic
            };
            let reads = rule.action == Action::ReadReports;
            assert_eq!(as_public(&guest, &site), reads, "{:?}", rule.action);
            assert_eq!(as_public(&Actor::Stranger, &open), reads, "{:?}", rule.action);
            assert_eq!(as_public(&of_one, &open), reads, "{:?}", rule.action);
            assert!(!as_public(&guest, &other) && !as_public(&Actor::Stranger, &site));
        }
        let member = Actor::Token(Grant { scope: Scope::StatsRead, site_id: None });
        assert_eq!(decide(&member, Action::ReadReports, Subject::Site(&open)), Decision::Allowed);
    }
}
