//! Orders to the jobs screen: about runs, about how they are looked at, and to the form of a new one.

use super::{Card, card, command};

/// Orders about runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunsAction {
    New,
    Open,
    Pause,
    Stop,
    Finish,
    Resume,
    Clone,
    Remove,
    Export,
    ChatResult,
    Mark,
    ClearMarks,
    Reload,
}

impl RunsAction {
    pub const ALL: [RunsAction; 13] = [
        RunsAction::New,
        RunsAction::Open,
        RunsAction::Pause,
        RunsAction::Stop,
        RunsAction::Finish,
        RunsAction::Resume,
        RunsAction::Clone,
        RunsAction::Remove,
        RunsAction::Export,
        RunsAction::ChatResult,
        RunsAction::Mark,
        RunsAction::ClearMarks,
        RunsAction::Reload,
    ];

    pub(super) fn card(self) -> Card {
        match self {
            Self::New => command("new-run", "set up a new run", "/train"),
            Self::Open => card("open-run", "look at the selected run, row or match"),
            Self::Pause => card("pause-run", "pause the run, or go on with it"),
            Self::Stop => card("stop-run", "stop the run with a checkpoint"),
            Self::Finish => card(
                "finish-run",
                "end here and make the results of what there is",
            ),
            Self::Resume => card("resume-run", "go on from the last checkpoint"),
            Self::Clone => card("clone-run", "a new run with this one's settings, changed"),
            Self::Remove => card("remove-run", "delete the run's folder"),
            Self::Export => card("export-run", "write the run's curves as CSV"),
            Self::ChatResult => card("chat-result", "chat with what the run made"),
            Self::Mark => card("mark-run", "lay this run's curves over the others"),
            Self::ClearMarks => card("clear-marks", "compare with no other run"),
            Self::Reload => card("reload-runs", "look for runs again"),
        }
    }
}

/// Orders about how a run is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LookAction {
    /// 1 to 6.
    Section(u8),
    Zoom,
    Log,
    NextMetric,
    PreviousMetric,
    LogAxis,
    ZoomIn,
    ZoomOut,
    ResetZoom,
    PanLeft,
    PanRight,
    Freeze,
    Marker,
    Sort,
    NextTable,
    Search,
    NextMatch,
    PreviousMatch,
}

impl LookAction {
    /// All but the numbered ones.
    pub const ALL: [LookAction; 17] = [
        LookAction::Zoom,
        LookAction::Log,
        LookAction::NextMetric,
        LookAction::PreviousMetric,
        LookAction::LogAxis,
        LookAction::ZoomIn,
        LookAction::ZoomOut,
        LookAction::ResetZoom,
        LookAction::PanLeft,
        LookAction::PanRight,
        LookAction::Freeze,
        LookAction::Marker,
        LookAction::Sort,
        LookAction::NextTable,
        LookAction::Search,
        LookAction::NextMatch,
        LookAction::PreviousMatch,
    ];

    pub(super) fn card(self) -> Card {
        match self {
            Self::Section(n) => card(
                [
                    "section-1",
                    "section-2",
                    "section-3",
                    "section-4",
                    "section-5",
                    "section-6",
                ]
                .get(usize::from(n).wrapping_sub(1))
                .copied()
                .unwrap_or("section"),
                "runs, chart, table, machine, log, settings",
            ),
            Self::Zoom => card(
                "zoom-section",
                "give this section the whole screen, and back",
            ),
            Self::Log => card("log", "the log in full height, and back"),
            Self::NextMetric => card("next-metric", "the next curves"),
            Self::PreviousMetric => card("previous-metric", "the curves before"),
            Self::LogAxis => card("log-axis", "equal distances are equal factors, and back"),
            Self::ZoomIn => card("zoom-in", "show half of the time shown"),
            Self::ZoomOut => card("zoom-out", "show twice the time shown"),
            Self::ResetZoom => card("reset-zoom", "show all of it and follow the end"),
            Self::PanLeft => card("pan-left", "earlier"),
            Self::PanRight => card("pan-right", "later"),
            Self::Freeze => card("freeze-section", "stop or go on following the end"),
            Self::Marker => card(
                "marker",
                "draw with braille, half blocks or plain characters",
            ),
            Self::Sort => card("sort", "sort the table by the next column"),
            Self::NextTable => card("next-table", "the run's next table"),
            Self::Search => card("search-jobs", "search the log, or filter the runs"),
            Self::NextMatch => card("next-log-match", "the next match in the log"),
            Self::PreviousMatch => card("previous-log-match", "the match before in the log"),
        }
    }
}

/// Orders to the form of a new run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FormAction {
    Start,
    NextField,
    PreviousField,
    NextChoice,
    PreviousChoice,
    DefaultValue,
    DiscardForm,
}

impl FormAction {
    pub const ALL: [FormAction; 7] = [
        FormAction::Start,
        FormAction::NextField,
        FormAction::PreviousField,
        FormAction::NextChoice,
        FormAction::PreviousChoice,
        FormAction::DefaultValue,
        FormAction::DiscardForm,
    ];

    pub(super) fn card(self) -> Card {
        match self {
            Self::Start => card("start-run", "start the run"),
            Self::NextField => card("next-field", "the next field"),
            Self::PreviousField => card("previous-field", "the field before"),
            Self::NextChoice => card("next-choice", "the next value of a choice"),
            Self::PreviousChoice => card("previous-choice", "the value before of a choice"),
            Self::DefaultValue => card("default-value", "the field's default"),
            Self::DiscardForm => card("discard-form", "close the form and forget what it holds"),
        }
    }
}
