"""The CDK side of the application: settings, stacks and the constructs they are composed of."""
