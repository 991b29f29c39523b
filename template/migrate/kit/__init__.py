"""What makes migrations safe, managed by the template: an update changes it."""
