//! On what an edge stands.

/// Why two events are held to be cause and effect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Basis {
    // Exact: nothing else can have been meant.
    /// One stands inside the other, in the same process.
    Within,
    /// The message carries a reference that no other has.
    UniqueKey,
    /// Sender and receiver are known, and the VM keeps the order of a pair.
    PairOrder,
    /// The sender waited for the answer to this call and got it, and this was taken from it meanwhile.
    AwaitedCall,
    /// The only message of this content that waited.
    OnlyWaiting,
    /// Of equal ones the oldest: a mailbox is searched from its old end, and all of them were taken.
    OldestWaiting,
    /// The only timer with this message, the VM says that no process sent it, and it says enough that nobody else made it up.
    OnlyTimer,
    /// The VM says which process it was.
    NamedByVm,

    // Inferred: likely, and something that was not recorded could have done the same.
    /// What the sender's code without probes sends is not recorded.
    SenderNotTraced,
    /// Whether and when the message arrived is not recorded.
    ArrivalNotTraced,
    /// The sender has not come back from this call (or by an exception): it may be an earlier one that was given up.
    NotReturned,
    /// The call went to a name that was not resolved.
    ReceiverUnknown,
    /// The only recorded timer with this message: code without probes could have set one.
    TimerUnknown,
    /// The sender of what arrives is not recorded; only one process is known to have sent this.
    SenderUnknown,
    /// One that was sent before the recording began would look the same.
    BeforeRecording,
    /// Records were dropped.
    Gaps,
    /// A gate held some calls back, so one in between may be missing.
    Sampled,
    /// Several messages look the same and cannot be told apart.
    Ambiguous,
    /// Equal ones waited, and not all of them are known to have been taken: code without probes may have.
    Unaccounted,
    /// The last thing before it in the same process.
    Before,
    /// The caller has not shown itself since: an exception that code without probes caught may have ended it.
    CallerUnseen,
    /// It came next in the process that waited for it.
    Next,
    /// The two were linked, and one died right after the other.
    Linked,
}

impl Basis {
    pub fn is_exact(self) -> bool {
        self < Basis::SenderNotTraced
    }

    /// The weaker of two: a chain is as good as its worst link.
    pub fn and(self, other: Basis) -> Basis {
        match (self.is_exact(), other.is_exact()) {
            (true, false) => other,
            _ => self,
        }
    }

    /// The name that readers get.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Within => "within",
            Basis::UniqueKey => "unique_key",
            Basis::PairOrder => "pair_order",
            Basis::AwaitedCall => "awaited_call",
            Basis::OnlyWaiting => "only_waiting",
            Basis::OldestWaiting => "oldest_waiting",
            Basis::OnlyTimer => "only_timer",
            Basis::NamedByVm => "named_by_vm",
            Basis::SenderNotTraced => "sender_not_traced",
            Basis::ArrivalNotTraced => "arrival_not_traced",
            Basis::NotReturned => "not_returned",
            Basis::ReceiverUnknown => "receiver_unknown",
            Basis::TimerUnknown => "timer_unknown",
            Basis::SenderUnknown => "sender_unknown",
            Basis::BeforeRecording => "before_recording",
            Basis::Gaps => "gaps",
            Basis::Sampled => "sampled",
            Basis::Ambiguous => "ambiguous",
            Basis::Unaccounted => "unaccounted",
            Basis::Before => "before",
            Basis::CallerUnseen => "caller_unseen",
            Basis::Next => "next",
            Basis::Linked => "linked",
        }
    }
}
