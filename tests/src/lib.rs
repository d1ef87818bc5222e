//! Nothing of its own: the whole-system stories and the checks of the repository are the tests of this package.
