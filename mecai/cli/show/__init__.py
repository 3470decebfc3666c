"""What the verbs show, one file a verb: values as JSON documents for programs and as text and tables for people."""
