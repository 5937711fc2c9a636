//! What happens to transactions when their coordinator's broker dies.

use super::Coordinator;

// === impl Coordinator ===

impl Coordinator {
    /// Another broker takes over: it has every decision that was stored, and has the markers of those that are not complete
    /// written again, under its own coordinator epoch.
    pub fn fail_over(&mut self, transactional_id: &str) {
        self.markers
            .retain(|markers| markers.transactional_id != transactional_id);
        if let Some(id) = self.ids.get_mut(transactional_id) {
            id.coordinator_epoch += 1;
            self.ask_for_markers(transactional_id);
        }
    }
}

#[cfg(test)]
mod tests;
