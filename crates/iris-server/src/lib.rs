//! Configuration, store, delivery, command line: the binary iris.
