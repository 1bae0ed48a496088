//! Cancellation: cheap to clone, a child falls with its parent.

use tokio_util::sync::CancellationToken;

/// A flag that can be raised once, asked at any time and awaited.
#[derive(Debug, Clone, Default)]
pub struct Cancel(CancellationToken);

impl Cancel {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag that is raised with this one and can be raised alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    pub fn cancel(&self) {
        self.0.cancel();
    }

    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns when the flag is raised.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}
