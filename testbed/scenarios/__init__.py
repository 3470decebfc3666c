"""What is played on a running lab, and whether it went as expected."""
