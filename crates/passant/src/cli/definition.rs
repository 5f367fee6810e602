//! What can be said about goals, funnels, segments and annotations.

use clap::{Args, Subcommand};

use super::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Goal {
    /// Add a goal
    #[command(after_help = "Examples:
  passant goal add example.com --event Signup
  passant goal add example.com --event Purchase --currency EUR --prop plan=big --name 'Big purchase'
  passant goal add example.com --page '/checkout/**'
  passant goal add example.com --page /guide --scroll 75")]
    Add(GoalAdd),
    /// List a site's goals
    List(Listed),
    /// Change a goal; what is not told stays, and so do its number and the funnels that it is a step of
    #[command(after_help = "Examples:
  passant goal change example.com Signup --name 'New account'
  passant goal change example.com 4 --page '/checkout/**' --scroll 50
  passant goal change example.com Purchase --currency '' --prop ''")]
    Change(GoalChange),
    /// Remove a goal
    Remove(Defined),
}

#[derive(Args, Debug)]
pub(crate) struct GoalAdd {
    /// The site
    pub(crate) domain: String,
    /// Met by an event of this name
    #[arg(long, value_name = "NAME", conflicts_with = "page", required_unless_present = "page")]
    pub(crate) event: Option<String>,
    /// Met by a view of this page; `*` for anything but a slash, `**` for anything
    #[arg(long, value_name = "PATH")]
    pub(crate) page: Option<String>,
    /// Met once the page has been scrolled this far
    #[arg(long, value_name = "PERCENT", requires = "page")]
    pub(crate) scroll: Option<u8>,
    /// What reports call it; by what meets it, unless told
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The currency of its revenue (ISO 4217)
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,
    /// A property that the event must carry; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) prop: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct GoalChange {
    #[command(flatten)]
    pub(crate) defined: Defined,
    /// Met by an event of this name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["page", "scroll"])]
    pub(crate) event: Option<String>,
    /// Met by a view of this page; `*` for anything but a slash, `**` for anything
    #[arg(long, value_name = "PATH")]
    pub(crate) page: Option<String>,
    /// Met once the page has been scrolled this far; 0 if seeing it is enough
    #[arg(long, value_name = "PERCENT")]
    pub(crate) scroll: Option<u8>,
    /// What reports call it; '' for what meets it
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The currency of its revenue (ISO 4217); '' for none
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,
    /// A property that the event must carry, in the place of all before; can be repeated; '' for none
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) prop: Option<Vec<String>>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Funnel {
    /// Add a funnel
    #[command(after_help = "Examples:
  passant funnel add example.com Checkout --step 'Visit /cart' --step 'Visit /pay' --step Purchase
  passant funnel add example.com 'Both pages' --step 4 --step 7 --order any --within day")]
    Add {
        /// The site
        domain: String,
        /// What reports call it
        name: String,
        /// A goal by its name or number, the first step first; 2 to 8 of them
        #[arg(long, value_name = "GOAL", required = true)]
        step: Vec<String>,
        /// Whether the steps have to come in this order: strict or any
        #[arg(long, default_value = "strict")]
        order: String,
        /// What has to hold all steps: visit or day
        #[arg(long, default_value = "visit")]
        within: String,
    },
    /// List a site's funnels
    List(Listed),
    /// Change a funnel; what is not told stays, and so does its number
    #[command(after_help = "Example:
  passant funnel change example.com Checkout --name 'To an order' --step 'Visit /cart' --step Purchase")]
    Change {
        #[command(flatten)]
        defined: Defined,
        /// What reports call it
        #[arg(long)]
        name: Option<String>,
        /// A goal by its name or number, in the place of all steps before; 2 to 8 of them
        #[arg(long, value_name = "GOAL")]
        step: Vec<String>,
        /// Whether the steps have to come in this order: strict or any
        #[arg(long)]
        order: Option<String>,
        /// What has to hold all steps: visit or day
        #[arg(long)]
        within: Option<String>,
    },
    /// Remove a funnel; its goals stay
    Remove(Defined),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Segment {
    /// Add a segment
    #[command(after_help = "Example:
  passant segment add example.com 'From France' --filters '[[\"is\", \"visit:country\", [\"FR\"]]]'")]
    Add {
        /// The site
        domain: String,
        /// What people call it
        name: String,
        /// The filters, as a question to the reports API holds them
        #[arg(long, value_name = "JSON")]
        filters: String,
    },
    /// List a site's segments
    List(Listed),
    /// Change a segment; what is not told stays, and so does its number. Links that show it show what it becomes
    #[command(after_help = "Example:
  passant segment change example.com 'From France' --name 'From France, phones' \\
    --filters '[[\"is\", \"visit:country\", [\"FR\"]], [\"is\", \"visit:device\", [\"Mobile\"]]]'")]
    Change {
        #[command(flatten)]
        defined: Defined,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        /// The filters, as a question to the reports API holds them
        #[arg(long, value_name = "JSON")]
        filters: Option<String>,
    },
    /// Remove a segment
    Remove(Defined),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Annotation {
    /// Add an annotation
    #[command(after_help = "Examples:
  passant annotation add example.com 2026-03-01 'New shop'
  passant annotation add example.com 2026-03-01T09:30:00Z 'On the radio'")]
    Add {
        /// The site
        domain: String,
        /// When: a day of the site, or an instant
        at: String,
        /// What happened
        text: String,
    },
    /// List a site's annotations
    List(Listed),
    /// Change an annotation; what is not told stays
    #[command(after_help = "Example:
  passant annotation change example.com 'New shop' --at 2026-03-02")]
    Change {
        #[command(flatten)]
        defined: Defined,
        /// When: a day of the site, or an instant
        #[arg(long)]
        at: Option<String>,
        /// What happened
        #[arg(long)]
        text: Option<String>,
    },
    /// Remove an annotation
    Remove(Defined),
}

/// What is to be listed.
#[derive(Args, Debug)]
pub(crate) struct Listed {
    /// The site
    pub(crate) domain: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What is to be changed or removed.
#[derive(Args, Debug)]
pub(crate) struct Defined {
    /// The site
    pub(crate) domain: String,
    /// Its number in the list, or its name
    pub(crate) which: String,
}
