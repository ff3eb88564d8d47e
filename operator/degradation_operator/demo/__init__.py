"""`degradation demo`: real servers, real faults, and an application that follows."""
