"""Motion blur: an average of pictures during the exposure, in linear light."""
