"""The whole stack on AWS against the strict recorder, part by part."""
