//! Features → two views.
