"""The job whole: from a signed webhook at the front door to the MoEngage sandbox."""
