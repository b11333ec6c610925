//! Several members update in one epoch: what merging, proposing and retrying cost and heal.
