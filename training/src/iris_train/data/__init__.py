"""Reading, checking, completing and augmenting data sets."""
