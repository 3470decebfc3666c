"""What goes onto the hosts: the base image, the wheel, and Ansible with the way to reach each host."""
