//! What sort of action the call of a tool is, by the words of the tool's name: `ticket.search` reads,
//! `mcp__github__create_issue` and `NotebookEdit` write.

use crate::event::ActionClass;

const READS: &[&str] = &[
    "read", "get", "list", "search", "find", "fetch", "query", "describe", "view", "show",
    "lookup", "grep", "glob", "ls", "browse", "count", "check", "status",
];
const WRITES: &[&str] = &[
    "write", "create", "update", "edit", "set", "put", "add", "insert", "send", "post", "upload",
    "comment", "close", "merge", "push", "move", "rename", "save", "assign", "reply", "patch",
];
const DELETES: &[&str] = &["delete", "remove", "drop", "destroy", "purge", "erase"];
const PAYMENTS: &[&str] = &["pay", "payment", "payout", "refund", "transfer"];
const SECRETS: &[&str] = &[
    "secret",
    "secrets",
    "credential",
    "credentials",
    "password",
    "vault",
];

/// The class of a call of the tool of that name. What a shell does nobody can tell from its name.
pub(super) fn class(tool: &str) -> ActionClass {
    let words = words(tool);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let reads = has(READS);
    if hands_over(&words) {
        return ActionClass::Other;
    }
    // The verb that changes more counts: `get_or_create` writes.
    if has(SECRETS) {
        ActionClass::Secret
    } else if has(DELETES) {
        ActionClass::Delete
    } else if has(PAYMENTS) && !reads {
        ActionClass::Payment
    } else if has(&["deploy", "rollout", "release"]) && !reads {
        ActionClass::Deploy
    } else if has(&["export", "download", "dump"]) {
        ActionClass::Export
    } else if has(WRITES) {
        ActionClass::Write
    } else if reads {
        ActionClass::Read
    } else {
        ActionClass::Other
    }
}

/// `transfer_to_agent`, `transfer_to_billing_agent`, `transfer_to_support`: how frameworks name the tool by
/// which one agent leaves the talk to another. Where it is an account it goes to, it is money.
fn hands_over(words: &[String]) -> bool {
    const MONEY: [&str; 9] = [
        "account",
        "bank",
        "beneficiary",
        "card",
        "iban",
        "payee",
        "recipient",
        "vendor",
        "wallet",
    ];
    let [first, second, whom @ ..] = words else {
        return false;
    };
    let to_agent = whom.last().is_some_and(|it| it == "agent");
    let of_money = whom.is_empty() || whom.iter().any(|word| MONEY.contains(&word.as_str()));
    first == "transfer" && second == "to" && (to_agent || !of_money)
}

/// The words of a name, in lower case: parted by signs and by a capital after a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for character in name.chars() {
        let parts = !character.is_alphanumeric() || (after_small && character.is_uppercase());
        after_small = character.is_lowercase();
        if parts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_name_tells_what_it_does() {
        for (tool, expected) in [
            ("ticket.search", ActionClass::Read),
            ("mcp__github__create_issue", ActionClass::Write),
            ("NotebookEdit", ActionClass::Write),
            ("WebFetch", ActionClass::Read),
            ("get_or_create_user", ActionClass::Write),
            ("deleteFile", ActionClass::Delete),
            ("get_secret_value", ActionClass::Secret),
            ("list_payments", ActionClass::Read),
            ("payment.execute", ActionClass::Payment),
            ("get_deploy_status", ActionClass::Read),
            ("report-export", ActionClass::Export),
            ("Bash", ActionClass::Other),
            ("settings", ActionClass::Other),
            ("transfer_to_agent", ActionClass::Other),
            ("transfer_to_refund_agent", ActionClass::Other),
            ("transferToSupport", ActionClass::Other),
            ("transfer_to_bank_account", ActionClass::Payment),
            ("transfer_to_payee", ActionClass::Payment),
            ("transferToRecipient", ActionClass::Payment),
            ("transfer_to_vendor", ActionClass::Payment),
            ("transfer_funds", ActionClass::Payment),
            ("transfer_to", ActionClass::Payment),
            ("", ActionClass::Other),
        ] {
            assert_eq!(class(tool), expected, "{tool}");
        }
    }
}
