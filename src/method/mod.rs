//! What each method keeps between steps.
