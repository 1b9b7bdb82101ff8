"""Series of real servers, against brute force over what netCDF4 reads."""
